"""What was read from a console, with the instant of each read; waits read this log, never the port."""

import codecs
import re
import threading
from bisect import bisect_right
from dataclasses import dataclass

from harness.base.clock import Deadline, now
from harness.base.units import EpochSeconds


@dataclass(frozen=True)
class Found:
    """A place in the log: what matched, where it ended (characters), and when its last byte was read."""

    text: str
    end: int
    at: EpochSeconds


class ConsoleLog:
    """Grows while the owner of the console reads; asked by others. Positions count characters."""

    def __init__(self) -> None:
        self._text = ""
        self._starts: list[int] = []
        self._stamps: list[EpochSeconds] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # noise on the line is not UTF-8
        self._grown = threading.Condition()

    def append(self, data: bytes) -> str:
        """Keep bytes just read; gives their text, line ends as newlines."""
        with self._grown:
            text = self._decoder.decode(data).replace("\r", "").replace("\0", "")
            self._starts.append(len(self._text))
            self._stamps.append(now())
            self._text += text
            self._grown.notify_all()
            return text

    def wake(self) -> None:
        """Have every waiter look again, though nothing was read."""
        with self._grown:
            self._grown.notify_all()

    @property
    def end(self) -> int:
        """The position after the last character."""
        with self._grown:
            return len(self._text)

    def since(self, position: int) -> str:
        """All that was read from `position` on."""
        with self._grown:
            return self._text[position:]

    def position_at(self, instant: EpochSeconds) -> int:
        """Where what was read at or after `instant` begins."""
        with self._grown:
            later = next((i for i, stamp in enumerate(self._stamps) if stamp >= instant), None)
            return len(self._text) if later is None else self._starts[later]

    def wait_for(self, pattern: str, position: int, seconds: float) -> Found | None:
        """The first match of the regular expression from `position` on; None after `seconds` (real)."""
        expression, deadline = re.compile(pattern, re.MULTILINE), Deadline.after(seconds)
        with self._grown:
            while True:
                match = expression.search(self._text, position)
                if match:
                    return Found(match[0], match.end(), self._stamp_of(match.end()))
                if deadline.passed:
                    return None
                self._grown.wait(deadline.left)

    def _stamp_of(self, end: int) -> EpochSeconds:
        return self._stamps[max(0, bisect_right(self._starts, max(0, end - 1)) - 1)]
