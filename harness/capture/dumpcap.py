"""One running dumpcap: started, confirmed, watched, ended.

It writes to its standard output, here a file: only so it flushes what it has at once, where by
itself it keeps packets back for up to 0.7 s.
"""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from harness.base.clock import Deadline, now
from harness.base.errors import BenchError, ConfigurationFault, HarnessFault

_COUNTERS = re.compile(r"received/dropped on interface '.*': (\d+)/(\d+)")
_READY = re.compile(r"^File: ", re.MULTILINE)
_BUFFER = "16"
"""MiB of kernel buffer: what arrives while the machine is busy elsewhere."""


class Dumpcap:
    """dumpcap on one interface of the current network namespace.

    A session of its own, so that Ctrl-C in the terminal ends the run and not the evidence; a death
    signal, so that it does not outlive a killed run. That signal comes when the thread that made it
    ends, so make it in the main thread.
    """

    def __init__(self, point: str, interface: str, file: Path) -> None:
        self.point, self.interface, self.file = point, interface, file
        self.started = now()
        self._log = file.with_suffix(".dumpcap.txt")
        for tool, package in (("dumpcap", "wireshark-common"), ("setpriv", "util-linux")):
            if shutil.which(tool) is None:
                raise ConfigurationFault(f"{tool} is not installed.", next_step=f"apt-get install {package}")
        words = [
            "setpriv",
            "--pdeathsig",
            "INT",
            "--",
            "dumpcap",
            "-q",
            "-n",
            "-B",
            _BUFFER,
            "-i",
            interface,
            "-w",
            "-",
        ]
        with file.open("wb") as out, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True
            )

    def await_ready(self, deadline: Deadline) -> None:
        """Until it says that it captures. Raises the fault that it died of, HarnessFault at the deadline."""
        ready = deadline.poll(lambda: self._ended or _READY.search(self._said()) is not None, every=0.01)
        if self._ended:
            raise self._fault()
        if not ready:
            raise HarnessFault(
                "dumpcap did not begin to capture in time.",
                device=self._device,
                next_step=f"see {self._log}.",
            )

    def check(self) -> None:
        """Raises the fault that it died of, if it did."""
        if self._ended:
            raise self._fault()

    def interrupt(self, within: float) -> None:
        """Have it write its closing lines and end; killed if it has not `within` real seconds."""
        self._process.send_signal(signal.SIGINT)  # does nothing to one that has ended
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if not self._ended:
            self._process.kill()
        self._process.wait()

    def counters(self) -> tuple[int, int]:
        """Packets received and dropped, by its closing lines; dropped is -1 where it wrote none."""
        found = _COUNTERS.search(self._said())
        return (int(found[1]), int(found[2])) if found else (0, -1)

    @property
    def _ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def _device(self) -> str:
        return f"capture point {self.point} ({self.interface})"

    def _said(self) -> str:
        return self._log.read_text(errors="replace")

    def _fault(self) -> BenchError:
        time.sleep(0.01)  # its last words may come after its end was noticed
        said = self._said()
        last = next((line for line in said.splitlines() if "dumpcap:" in line or "permission" in line.lower()), "")
        return fault_of(said, last or f"it ended with code {self._process.returncode}", self._device)


def fault_of(said: str, last: str, device: str) -> BenchError:
    """What dumpcap's words mean: whose fault it is and what to do."""
    lower = said.lower()
    if "permission" in lower or "not permitted" in lower:
        return ConfigurationFault(
            "no right to capture there.",
            device=device,
            next_step="run as root with CAP_NET_RAW and CAP_NET_ADMIN (containers drop them), or "
            "`dpkg-reconfigure wireshark-common` and join the group wireshark.",
        )
    if "no such device" in lower or "no device named" in lower or "no interface" in lower:
        return ConfigurationFault(
            "there is no such interface.",
            device=device,
            next_step="compare the inventory's captures with `ip link`.",
        )
    if "no longer attached" in lower or "network is down" in lower:
        return HarnessFault(
            "its interface went away while capturing.",
            device=device,
            next_step="see that the bench is up and the mirror port's cable in place, then `bench recover`.",
        )
    if "no space left" in lower:
        return HarnessFault("the disk is full.", device=device, next_step="make room or record elsewhere.")
    return HarnessFault(f"dumpcap died: {last}", device=device, next_step="look whether the interface went away.")
