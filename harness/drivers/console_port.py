"""The one owner of a serial port: a thread that reads all the time, and writes what it is given."""

import queue
import threading
from typing import Any

import serial

from harness.base.clock import Deadline
from harness.base.errors import LabFault
from harness.base.secrets import mask
from harness.base.transcripts import Transcript
from harness.drivers.console_log import ConsoleLog
from harness.drivers.lines import ReceivedLines
from harness.drivers.rfc2217 import Rfc2217Port

OPEN_WITHIN = 10.0
"""Real seconds after which an owner asked to end is left behind: pyserial takes up to 7 s for RFC 2217."""
READ_TURN = 0.02
"""Real seconds that a read waits at most, which is how long a write may have to wait for its turn."""
WIPE = "\x15"
"""Control-U, which a terminal takes for: forget what was typed on this line."""
WRITE_WITHIN = 5.0
"""Real seconds for a write: flow control may hold it."""
REOPEN_EVERY = 0.2
"""Real seconds between two tries to get back a port that dropped: a rebooting unit may take it away."""
BLOCKED_WITHIN = 0.3
"""Real seconds within which a console server turns a second user away."""


class ConsolePort:
    """A device file, `socket://HOST:PORT` or `rfc2217://HOST:PORT`; everything read goes into `log`."""

    def __init__(self, device: str, url: str, baud: int, transcript: Transcript) -> None:
        self.log = ConsoleLog()
        self._device, self._url, self._baud, self._transcript = device, url, baud, transcript
        self._lines = ReceivedLines(transcript)
        self._outgoing: queue.Queue[tuple[bytes, threading.Event]] = queue.Queue()
        self._up, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._reason = ""

    def open(self) -> None:
        """Take the port and start reading; LabFault where it is not there or another one has it."""
        if self._thread is not None:
            return
        self._transcript.remark(f"opening {self._url}")
        try:
            port = self._take()
        except (serial.SerialException, OSError, ValueError) as error:
            raise self._fault(f"cannot be had ({_reason(error)})") from None
        self._stop.clear()
        self._up.set()
        self._thread = threading.Thread(target=self._own, args=(port,), name=self._device, daemon=True)
        self._thread.start()
        if self._is_network and Deadline.after(BLOCKED_WITHIN).poll(lambda: not self._up.is_set(), every=0.02):
            self.close()
            raise self._fault(f"was closed at once ({self._reason})")

    def write(self, text: str, end: str = "\r") -> None:
        """Send `text` and `end`; LabFault where the port takes nothing. One that dropped is given time to come back."""
        self._transcript.sent(text.replace(WIPE, "^U"))
        deadline = Deadline.after(WRITE_WITHIN)
        if not self._up.wait(deadline.left):
            raise self._fault(f"took nothing ({self._reason or 'no answer'})")
        done = threading.Event()
        self._outgoing.put((text.encode() + end.encode(), done))
        if not done.wait(deadline.left):
            raise self._fault(f"took nothing ({self._reason or 'no answer'})")

    def close(self) -> None:
        """Let go of the port; waits for its owner to end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join(OPEN_WITHIN)
            self._transcript.remark("console closed")

    def _take(self) -> Any:
        """The opened port. Only a device file can be locked; console servers let one user in."""
        if self._url.startswith("rfc2217://"):
            port: Any = Rfc2217Port()
            port.port, port.baudrate, port.timeout = self._url, self._baud, READ_TURN
        else:
            locked = {} if self._is_network else {"exclusive": True}
            port = serial.serial_for_url(self._url, self._baud, timeout=READ_TURN, do_not_open=True, **locked)
        port.open()
        return port

    def _own(self, port: Any) -> None:
        """The owner's life: read, write in turn, get the port back when it drops."""
        while not self._stop.is_set():
            try:
                self._turn(port)
            except (serial.SerialException, OSError, TypeError) as error:
                # TypeError: pyserial reads from a descriptor that a drop has set to None.
                self._reason = _reason(error)
                port = self._get_back(port)
        self._lines.flush()
        self._up.clear()
        _let_go(port)

    def _turn(self, port: Any) -> None:
        data = port.read(port.in_waiting or 1)
        if data:
            self._lines.feed(self.log.append(data))
        if not self._outgoing.empty():
            text, done = self._outgoing.get_nowait()
            self._lines.flush()
            port.write(text)
            done.set()

    def _get_back(self, port: Any) -> Any:
        """The port again, as soon as it lets itself be opened; what was not written is not written later."""
        self._up.clear()
        self._lines.flush()
        self._transcript.remark(f"the port dropped ({self._reason})")
        _let_go(port)
        while not self._stop.wait(REOPEN_EVERY):
            try:
                port = self._take()
            except (serial.SerialException, OSError) as error:
                self._reason = _reason(error)
                continue
            self._outgoing = queue.Queue()
            self._transcript.remark("the port is back")
            self._up.set()
            break
        return port

    @property
    def _is_network(self) -> bool:
        return "://" in self._url

    def _fault(self, what: str) -> LabFault:
        fault = LabFault(
            f"the console {self._url} {what}.",
            device=self._device,
            next_step="check cable and console server, and end whoever else has it open.",
        )
        self._transcript.remark(fault.message)
        return fault


def _let_go(port: Any) -> None:
    # pyserial's own close swallows what a dead socket says to it.
    port.close()


def _reason(error: BaseException) -> str:
    """pyserial tells what was wrong in its text alone; it knows no secrets."""
    return mask(" ".join(str(error).split())) or type(error).__name__
