"""Where a dumpcap runs: on this machine, in a network namespace of it, on another machine reached by SSH.

A sensor starts a dumpcap and sends a frame where that captures. Who uses it never learns which it has.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from harness.base.clock import Deadline, now
from harness.base.errors import ConfigurationFault, LabFault

_ONE_READ = 1 << 20
_ANSWER_WITHIN = 5.0
_NO_STATUS = -1
"""What paramiko gives for the exit code of a command whose channel ended without one."""
CUT_OFF = "ended without an exit code"
"""What a capture on another machine has said last where the connection was cut, or its shell killed."""
_TETHERED = (
    "exec 3<&0; {command} </dev/null 3<&- & p=$!; {{ read -r _ <&3; kill $p; }} >/dev/null 2>&1 & w=$!; "
    "exec 3<&-; wait $p; s=$?; kill $w 2>/dev/null; exit $s"
)
"""A command for a POSIX shell that ends, by SIGTERM, as soon as there is an end to the shell's standard input.

Not by SIGINT, which a shell that is not interactive has its background commands ignore.
"""
_SEND = (
    "import socket,sys; s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind((sys.argv[1],0)); "
    "a=s.getsockname()[4]; s.send(a+a+bytes.fromhex(sys.argv[2]))"
)
"""As `send_frame`, for a Python elsewhere."""


class Capturing(Protocol):
    """A dumpcap that runs. `pid`: on this machine; None on another."""

    pid: int | None

    def read(self) -> bytes:
        """The next bytes of the capture; none at its end. Blocks."""
        ...

    def said(self) -> str:
        """All it has said besides."""
        ...

    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        ...

    def interrupt(self) -> None:
        """Have it write its closing lines and end."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Sensor(Protocol):
    """A place to capture at."""

    own_clock: bool
    """Whether its stamps are by a clock of its own, and not by that of the harness."""

    def start(self, words: Sequence[str]) -> Capturing:
        """Start a command that writes a capture to its standard output."""
        ...

    def send(self, interface: str, payload: bytes) -> None:
        """Send a frame to the interface's own address, so that no switch forwards it; `payload`: from the type on.

        Raises ConfigurationFault without the right to, LabFault where the interface is gone or down.
        """
        ...


class Local:
    """This machine, or the network namespace `netns` of it: a name of `ip netns` or a path such as /proc/PID/ns/net."""

    own_clock = False

    def __init__(self, netns: str | None = None) -> None:
        self._enter: list[str] = []
        if netns is not None:
            path = netns if "/" in netns else f"/run/netns/{netns}"
            if not Path(path).exists():
                raise ConfigurationFault(
                    f"there is no network namespace {netns}.", next_step="compare the inventory with `ip netns`."
                )
            self._enter = ["nsenter", f"--net={path}", "--"]

    def start(self, words: Sequence[str]) -> "LocalCapture":
        """A process of its own session, that ends with the thread which made it: make it in the main thread.

        Raises ConfigurationFault where a tool is missing.
        """
        for tool, package in ((words[0], "wireshark-common"), ("setpriv", "util-linux"), ("nsenter", "util-linux")):
            if shutil.which(tool) is None:
                raise ConfigurationFault(f"{tool} is not installed.", next_step=f"apt-get install {package}")
        return LocalCapture(["setpriv", "--pdeathsig", "INT", "--", *self._enter, *words])

    def send(self, interface: str, payload: bytes) -> None:
        """See `Sensor`."""
        if not self._enter:
            send_frame(interface, payload)
            return
        done = subprocess.run(
            [*self._enter, sys.executable, "-c", _SEND, interface, payload.hex()], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise _not_sent(interface, (done.stderr.strip().splitlines() or ["no words"])[-1])


class LocalCapture:
    """A dumpcap on this machine."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115
        # Ctrl-C in the terminal is to end the run, and not the evidence.
        self._process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._words, start_new_session=True,
            pipesize=_ONE_READ,
        )  # fmt: skip
        self.pid: int | None = self._process.pid

    def read(self) -> bytes:
        """See `Capturing`."""
        assert self._process.stdout is not None
        return os.read(self._process.stdout.fileno(), _ONE_READ)

    def said(self) -> str:
        """See `Capturing`."""
        return os.pread(self._words.fileno(), _ONE_READ, 0).decode(errors="replace")

    def ended(self) -> int | None:
        """See `Capturing`."""
        return self._process.poll()

    def interrupt(self) -> None:
        """See `Capturing`. One that was stopped (SIGSTOP) goes on, to be able to end."""
        self._process.send_signal(signal.SIGINT)  # does nothing to one that has ended
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """See `Capturing`."""
        self._process.kill()
        self._process.wait()


class RemoteCommand(Protocol):
    """A command that runs on another machine: what paramiko's channel offers."""

    def recv(self, size: int) -> bytes:
        """The next bytes of its standard output; none at its end."""
        ...

    def recv_stderr(self, size: int) -> bytes:
        """The next bytes of its standard error."""
        ...

    def recv_stderr_ready(self) -> bool:
        """Whether there are any."""
        ...

    def exit_status_ready(self) -> bool:
        """Whether it has ended."""
        ...

    def recv_exit_status(self) -> int:
        """Its exit code."""
        ...

    def shutdown_write(self) -> None:
        """Close its standard input."""
        ...

    def settimeout(self, timeout: float) -> None:
        """Have reading raise TimeoutError after so many real seconds without a byte."""
        ...

    def close(self) -> None:
        """Leave it."""
        ...


class Remote:
    """Another Linux machine with dumpcap and Python 3; `run` starts a command line there."""

    own_clock = True

    def __init__(self, device: str, run: Callable[[str], RemoteCommand]) -> None:
        self._device, self._run = device, run

    def start(self, words: Sequence[str]) -> "RemoteCapture":
        """It ends when its standard input does: by `interrupt`, and when the connection or this process dies."""
        return RemoteCapture(self._run(f"exec sh -c {shlex.quote(_TETHERED.format(command=shlex.join(words)))}"))

    def send(self, interface: str, payload: bytes) -> None:
        """See `Sensor`."""
        command = self._run(shlex.join(["python3", "-c", _SEND, interface, payload.hex()]))
        command.settimeout(_ANSWER_WITHIN)
        try:
            answered = Deadline.after(_ANSWER_WITHIN).poll(command.exit_status_ready, every=0.005)
            if not answered or command.recv_exit_status():
                said = _words(command) if answered else []
                raise _not_sent(f"{self._device} {interface}", (said or ["no answer"])[-1])
        finally:
            command.close()

    def skew(self) -> tuple[float, float]:
        """By how many real seconds its clock is ahead of ours: at least and at most. Raises LabFault."""
        command, asked = self._run("date +%s.%N"), now()
        command.settimeout(_ANSWER_WITHIN)
        try:
            told = float(command.recv(64))
        except (OSError, ValueError):
            raise LabFault(
                "the machine there does not tell its time.", device=self._device, next_step="log in there by hand."
            ) from None
        finally:
            command.close()
        return told - now(), told - asked


class RemoteCapture:
    """A dumpcap on another machine."""

    pid: int | None = None

    def __init__(self, command: RemoteCommand) -> None:
        self._command, self._said = command, b""

    def read(self) -> bytes:
        """See `Capturing`."""
        try:
            return self._command.recv(_ONE_READ)
        except OSError:  # the connection is gone; `ended` and the missing end mark tell
            return b""

    def said(self) -> str:
        """See `Capturing`."""
        while self._command.recv_stderr_ready() and (more := self._command.recv_stderr(_ONE_READ)):
            self._said += more
        cut = f"\n{CUT_OFF}" if self.ended() == _NO_STATUS else ""
        return self._said.decode(errors="replace") + cut

    def ended(self) -> int | None:
        """See `Capturing`."""
        return self._command.recv_exit_status() if self._command.exit_status_ready() else None

    def interrupt(self) -> None:
        """See `Capturing`."""
        with suppress(OSError):  # a connection that is gone has ended it already
            self._command.shutdown_write()

    def kill(self) -> None:
        """See `Capturing`."""
        self._command.close()


def send_frame(interface: str, payload: bytes) -> None:
    """See `Sensor.send`."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packet_socket:
            packet_socket.bind((interface, 0))
            own = packet_socket.getsockname()[4]
            packet_socket.send(own + own + payload)
    except PermissionError:
        raise _not_sent(interface, "PermissionError") from None
    except OSError as error:
        raise _not_sent(interface, os.strerror(error.errno or 0)) from None


def _words(command: RemoteCommand) -> list[str]:
    """The lines that a command which has ended said; its exit code may have come before them."""
    said = b""
    with suppress(TimeoutError):
        while more := command.recv_stderr(4096):
            said += more
    return said.decode(errors="replace").strip().splitlines()


def _not_sent(where: str, why: str) -> ConfigurationFault | LabFault:
    if "PermissionError" in why:
        return ConfigurationFault(
            "no right to send the packet that marks the capture.",
            device=where,
            next_step="run as root or with CAP_NET_RAW.",
        )
    if "not found" in why:
        return ConfigurationFault("Python 3 is not installed there.", device=where, next_step="apt-get install python3")
    return LabFault(
        f"the packet that marks the capture cannot be sent ({why}).",
        device=where,
        next_step="see whether the interface is there and up: `ip link`.",
    )
