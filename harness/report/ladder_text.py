"""A ladder for the terminal: a line a message, what it says on its arrow where there is room, else beside it."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.report.ladder import Arrow, Kind, Ladder, Note, Party, Tone, printable

TIME, DETAIL, DETAIL_SHARE = 11, 24, 0.25
"""Characters of the first column, and at least of the last; share of the whole that the last one should have."""
NARROWEST, WIDEST, LABELLED = 8, 40, 13
"""Characters from one party to the next, and from how many on labels stand on the arrows."""
HEADER_EVERY = 40
STYLES = {
    Tone.ASKS: "cyan",
    Tone.PROCEEDS: "yellow",
    Tone.GRANTS: "green",
    Tone.REFUSES: "bold red",
    Tone.MEDIA: "magenta",
    Kind.STIMULUS: "bold white on red",
    Kind.LINE: "bold white on blue",
    Kind.SILENCE: "dim",
}


def columns_for(width: int) -> int:
    """How many parties there is room for in a terminal of that width, characters."""
    return max(2, (width - TIME - DETAIL) // NARROWEST + 1)


def print_ladder(ladder: Ladder, console: Console) -> None:
    """Print it, as wide as the console is."""
    console.print(Text(printable(ladder.title), "bold"), Text(f"({ladder.unit})", "dim"))
    for line in _lines(ladder, _Layout.of(ladder, console.width)):
        line.truncate(console.width, overflow="ellipsis")
        console.print(line, no_wrap=True, overflow="ignore", crop=True)
    for remark in ladder.remarks:
        console.print(Text(printable(remark), "dim"))


@dataclass(frozen=True)
class _Layout:
    """`step`: characters from one party to the next."""

    parties: int
    step: int

    @classmethod
    def of(cls, ladder: Ladder, width: int) -> "_Layout":
        """What suits a console of that width."""
        parties = max(1, len(ladder.parties))
        room = width - TIME - max(DETAIL, int(DETAIL_SHARE * width))
        return cls(parties, min(WIDEST, max(NARROWEST, room // max(1, parties - 1))))

    @property
    def labelled(self) -> bool:
        """Whether labels stand on the arrows."""
        return self.step >= LABELLED

    @property
    def width(self) -> int:
        """Characters of all columns, with room for what a party says to itself."""
        return self.place(self.parties - 1) + 3

    def place(self, party: int) -> int:
        """The character of its lifeline."""
        return party * self.step

    def lifelines(self, mark: str = "│") -> list[str]:
        """A line of nothing but lifelines."""
        line = [" "] * self.width
        for party in range(self.parties):
            line[self.place(party)] = mark
        return line


def _lines(ladder: Ladder, layout: _Layout) -> Iterator[Text]:
    for number, row in enumerate(ladder.rows):
        if number % HEADER_EVERY == 0:
            yield from _header(ladder.parties, layout)
        yield _arrow(row, layout) if isinstance(row, Arrow) else _note(row, layout)


def _header(parties: tuple[Party, ...], layout: _Layout) -> Iterator[Text]:
    """Names over their lifelines; where they are long, every other one a line lower."""
    longest = max((len(party.name) for party in parties), default=0)
    lines = 2 if longest >= layout.step and len(parties) > 1 else 1
    room = lines * layout.step - 1 if len(parties) > 1 else longest
    for offset in range(lines):
        chars = list(" " * TIME) + (layout.lifelines() if offset else [" "] * layout.width) + [" "] * longest
        for number, party in enumerate(parties):
            if number % lines == offset:
                _write_name(chars, TIME + layout.place(number), printable(party.name), room)
            elif offset:
                chars[TIME + layout.place(number)] = "│"
            else:
                chars[TIME + layout.place(number)] = " "
        yield Text("".join(chars).rstrip(), "bold")


def _write_name(chars: list[str], middle: int, name: str, room: int) -> None:
    shown = name if len(name) <= room else f"{name[: room - 1]}…"
    begin = max(0, middle - len(shown) // 2)
    chars[begin : begin + len(shown)] = shown


def _arrow(arrow: Arrow, layout: _Layout) -> Text:
    line = layout.lifelines()
    source, destination = layout.place(arrow.source), layout.place(arrow.destination)
    low, high = sorted((source, destination))
    label, room = printable(arrow.label), high - low - 2
    on_it = layout.labelled and len(label) <= room
    if source == destination:
        line[source + 1] = "↺"
        low, high = source, source + 2
    else:
        line[low + 1 : high] = _shaft(arrow, label if on_it else "", room, rightwards=source < destination)
    text = Text(f"{arrow.at:9.3f}  ", "dim")
    text.append("".join(line[: low + 1]), "dim")
    text.append("".join(line[low + 1 : high]), STYLES[arrow.tone])
    text.append("".join(line[high:]), "dim")
    if not on_it:
        text.append(f" {label}", STYLES[arrow.tone])
    text.append(f" {printable(arrow.beside)}")
    return text


def _shaft(arrow: Arrow, label: str, room: int, *, rightwards: bool) -> str:
    """The arrow with its head, `room` characters and one."""
    head = ("▶" if rightwards else "◀") if arrow.arrived else "✗"
    shaft = label.center(room, "╌" if arrow.tone is Tone.MEDIA else "─")
    return shaft + head if rightwards else head + shaft


def _note(note: Note, layout: _Layout) -> Text:
    if note.kind is Kind.SILENCE:
        return Text(" " * TIME + _upon(layout.lifelines("┊"), f" {note.text} "), STYLES[note.kind])
    text = Text(f"{note.at:9.3f}  ", "dim")
    return text.append(f" {printable(note.text)} ".center(layout.width, "═"), STYLES[note.kind])


def _upon(line: list[str], words: str) -> str:
    """Words in the middle of a line; behind it where that is too short."""
    begin = (len(line) - len(words)) // 2
    if begin < 1:
        return "".join(line) + words
    line[begin : begin + len(words)] = words
    return "".join(line)
