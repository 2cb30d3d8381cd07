"""A ladder: who said what to whom, as facts; `ladder_text` and `ladder_svg` draw it.

Columns are parties, rows are in order of time. All times are the seconds that are shown (`unit` says which).
"""

from dataclasses import dataclass
from enum import StrEnum

SHORTEST = 0.1
"""Seconds below which it is not told how long something was said again."""


class Tone(StrEnum):
    """What a message does, for its colour."""

    ASKS = "asks"
    PROCEEDS = "proceeds"
    """Neither yes nor no yet: a provisional answer or a challenge."""
    GRANTS = "grants"
    REFUSES = "refuses"
    MEDIA = "media"


class Kind(StrEnum):
    """What a note is about."""

    STIMULUS = "stimulus"
    LINE = "line"
    SILENCE = "silence"


@dataclass(frozen=True)
class Party:
    """A column. `members`: whom it stands for where that are several."""

    name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """A message, or equal exchanges as one, between two columns (places in the ladder's parties).

    `times`: how often the message was sent, or how many exchanges it stands for; `until`: when the last of them
    was. `arrived`: False where its receiver's port was captured and did not see it. `seen`: point and frame.
    """

    at: float
    source: int
    destination: int
    text: str
    detail: str
    tone: Tone
    times: int = 1
    until: float = 0.0
    arrived: bool = True
    seen: str = ""

    @property
    def label(self) -> str:
        """What stands on the arrow."""
        return f"{self.text} ×{self.times}" if self.times > 1 else self.text

    @property
    def beside(self) -> str:
        """What stands beside it: the detail, and for how long it went on where it is more than one."""
        seconds = self.until - self.at
        lasted = f"over {seconds:.1f} s" if self.times > 1 and seconds >= SHORTEST else ""
        return ", ".join(filter(None, (self.detail, lasted)))


@dataclass(frozen=True)
class Note:
    """What happened meanwhile, or that nothing did."""

    at: float
    kind: Kind
    text: str


Row = Arrow | Note


@dataclass(frozen=True)
class Ladder:
    """Everything that is drawn. `remarks`: what a reader must know of how it was made, a sentence each."""

    title: str
    unit: str
    parties: tuple[Party, ...]
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()


def printable(text: str) -> str:
    """What came off the wire without characters that would steer a terminal or that XML forbids."""
    return "".join(each if each.isprintable() else "�" for each in text)
