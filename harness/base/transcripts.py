"""What was said to a device and what it answered, with times, secrets masked."""

import threading
from contextlib import suppress
from pathlib import Path

from harness.base.clock import now
from harness.base.secrets import mask


class Transcript:
    """One session with one device: lines `EPOCH > sent`, `EPOCH < received`, `EPOCH - remark`.

    Written line by line as it happens, so that a killed run leaves all that was said.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._unwritten = ""

    def sent(self, text: str) -> None:
        """Keep what was sent to the device."""
        self._write(">", text)

    def received(self, text: str) -> None:
        """Keep what the device answered."""
        self._write("<", text)

    def remark(self, text: str) -> None:
        """Keep what happened to the session itself: opened, dropped, deadline passed."""
        self._write("-", text)

    def _write(self, mark: str, text: str) -> None:
        if self.path is None:
            return
        stamp = f"{now():.6f}"
        lines = mask(text).replace("\r", "").rstrip("\n").split("\n")
        with self._lock:
            self._unwritten += "".join(f"{stamp} {mark} {line}\n" for line in lines)
            # A full disk must not keep a device from being put back: it is tried again with the next line,
            # and the recorder, which watches that disk, reports it.
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a") as file:
                    file.write(self._unwritten)
                self._unwritten = ""


class Transcripts:
    """The folder of one recording's transcripts; `of` gives the one of a device."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def of(self, device: str) -> Transcript:
        """The transcript of `device`, appended to if there already is one."""
        return Transcript(self._folder / f"{device}.txt" if self._folder else None)
