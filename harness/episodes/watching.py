"""What the terminal shows while an episode runs: what is waited for, since when, until when, who is where."""

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Protocol, TextIO

from harness.base.secrets import mask


@dataclass(frozen=True)
class Waiting:
    """One moment of a wait. Bench seconds since the episode began; `places` is phone → where it is.

    `whose` tells several episodes apart that run side by side.
    """

    what: str
    since: float
    now: float
    until: float
    places: dict[str, str] = field(default_factory=dict)
    whose: str = ""


class Watcher(Protocol):
    """Who is told how the episode goes."""

    def say(self, text: str) -> None:
        """A step was taken or something noteworthy was found."""
        ...

    def waiting(self, moment: Waiting) -> None:
        """The wait goes on; called several times a second."""
        ...


class Quiet:
    """Tells nobody."""

    def say(self, text: str) -> None:
        """Nothing."""

    def waiting(self, moment: Waiting) -> None:
        """Nothing."""


class Piped:
    """Tells another process, as JSON lines on a pipe (`bench run --progress json`)."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out

    def say(self, text: str) -> None:
        """One line `{"say": text}`."""
        self._write({"say": mask(text)})

    def waiting(self, moment: Waiting) -> None:
        """One line `{"waiting": {...}}`."""
        self._write({"waiting": asdict(moment)})

    def _write(self, entry: dict[str, object]) -> None:
        try:
            print(json.dumps(entry), file=self._out, flush=True)
        except BrokenPipeError:
            # Whoever listened is gone; the episode and its undoing go on.
            self._out = open("/dev/null", "w")  # noqa: PTH123, SIM115


class Lines:
    """Plain lines for a log: each step at once, a wait at its start and then every few seconds."""

    def __init__(self, out: TextIO = sys.stdout, prefix: str = "", every: float = 10.0) -> None:
        self._out, self._prefix, self._every = out, prefix, every
        self._shown: dict[str, tuple[str, float]] = {}

    def say(self, text: str) -> None:
        """Print it."""
        print(mask(f"{self._prefix}{text}"), file=self._out, flush=True)

    def waiting(self, moment: Waiting) -> None:
        """Print it if the wait is new or `every` real seconds have passed."""
        what, until = self._shown.get(moment.whose, ("", 0.0))
        if moment.what == what and time.monotonic() < until:
            return
        self._shown[moment.whose] = (moment.what, time.monotonic() + self._every)
        self.say(moment.whose + describe(moment))


def describe(moment: Waiting) -> str:
    """A wait in one line."""
    spans = f"{moment.now - moment.since:.0f} s of at most {moment.until - moment.since:.0f} bench s"
    return f"waiting for {moment.what}: {spans}  {places(moment)}".rstrip()


def places(moment: Waiting) -> str:
    """Where each phone is, in one line."""
    return "  ".join(f"{phone}: {place}" for phone, place in moment.places.items())
