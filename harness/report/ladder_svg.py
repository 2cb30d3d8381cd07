"""A ladder as SVG: the picture for a report or a mail. Where a message was seen stands in each arrow's tooltip."""

from collections.abc import Iterator
from html import escape

from harness.report.ladder import Arrow, Kind, Ladder, Note, Row, Tone, printable

LEFT, RIGHT, TOP, ROW = 150, 340, 58, 22
"""Pixels: left of the first lifeline, right of the last, above the first row, of a row."""
NARROWEST, WIDEST = 90, 230
COMFORTABLE = 1000
"""Pixels between the outer lifelines that a screen has room for."""
HEADER_EVERY = 40
LETTER, DETAIL_LETTERS = 8.0, 50
COLOURS = {
    Tone.ASKS: "#1f5fa8",
    Tone.PROCEEDS: "#9a6b00",
    Tone.GRANTS: "#2f7d4f",
    Tone.REFUSES: "#b8322a",
    Tone.MEDIA: "#7a3f9d",
    Kind.STIMULUS: "#b8322a",
    Kind.LINE: "#274c7f",
    Kind.SILENCE: "#8a9099",
}
WORDS = {
    Tone.ASKS: "request",
    Tone.PROCEEDS: "provisional or challenge",
    Tone.GRANTS: "yes",
    Tone.REFUSES: "no, or no answer",
    Tone.MEDIA: "media",
}


def ladder_svg(ladder: Ladder) -> str:
    """The ladder as SVG text."""
    return "\n".join(_Drawing(ladder).parts())


class _Drawing:
    """Where everything is."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        between = max(1, len(ladder.parties) - 1)
        self._step = min(WIDEST, max(NARROWEST, COMFORTABLE // between))
        self._last = LEFT + (len(ladder.parties) - 1) * self._step
        self._width = max(self._last + RIGHT, 900)
        headers = max(1, -(-len(ladder.rows) // HEADER_EVERY))
        self._foot = TOP + (len(ladder.rows) + 2 * headers) * ROW
        self._height = self._foot + 44 + 18 * len(ladder.remarks)

    def parts(self) -> Iterator[str]:
        """The elements in the order in which they are drawn."""
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width} {self._height}" '
            f'width="{self._width}" height="{self._height}" '
            'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12">'
        )
        yield f'<rect width="{self._width}" height="{self._height}" fill="white"/>'
        yield _text(12, 22, self._ladder.title, 'font-size="15" font-weight="bold"')
        yield _text(12, 40, self._ladder.unit, 'fill="#60656d"')
        yield from self._lifelines()
        y = TOP
        for number, row in enumerate(self._ladder.rows):
            if number % HEADER_EVERY == 0:
                yield from self._header(y)
                y += 2 * ROW
            yield from self._row(row, y + ROW // 2)
            y += ROW
        yield from self._legend()
        yield "</svg>"

    def _x(self, party: int) -> int:
        return LEFT + party * self._step

    def _lifelines(self) -> Iterator[str]:
        for number in range(len(self._ladder.parties)):
            x = self._x(number)
            yield f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{self._foot}" stroke="#c9ccd1"/>'

    def _header(self, y: int) -> Iterator[str]:
        """Names over their lifelines; where they are long, every other one a line lower."""
        yield f'<rect x="0" y="{y}" width="{self._width}" height="{2 * ROW - 4}" fill="#eceef0"/>'
        longest = max((len(party.name) for party in self._ladder.parties), default=0)
        staggered = longest * LETTER + 10 > self._step
        for number, party in enumerate(self._ladder.parties):
            baseline = y + (15 if staggered and number % 2 == 0 else 33 if staggered else 25)
            members = f"<title>{_safe(', '.join(party.members))}</title>" if party.members else ""
            yield _text(self._x(number), baseline, party.name, 'text-anchor="middle" font-weight="bold"', members)

    def _row(self, row: Row, y: int) -> Iterator[str]:
        return self._arrow(row, y) if isinstance(row, Arrow) else self._note(row, y)

    def _arrow(self, arrow: Arrow, y: int) -> Iterator[str]:
        colour, begin, end = COLOURS[arrow.tone], self._x(arrow.source), self._x(arrow.destination)
        title = f"<title>{_safe(f'{arrow.at:.3f}: {arrow.label} {arrow.beside} ({arrow.seen})')}</title>"
        yield _text(LEFT - 70, y + 4, f"{arrow.at:.3f}", 'text-anchor="end" fill="#60656d"')
        yield f"<g>{title}"
        if begin == end:
            path = f"M {begin} {y - 6} h 18 v 12 h -12"
            yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
            yield _head(begin + 2, y + 6, -1, colour)
            yield from _label(begin + 30 + LETTER * len(arrow.label) / 2, y, arrow.label, colour)
        else:
            way = 1 if end > begin else -1
            dashes = ' stroke-dasharray="3 4"' if arrow.tone is Tone.MEDIA else ""
            line = f'x1="{begin}" x2="{end - way * 5}" y1="{y}" y2="{y}"'
            yield f'<line {line} stroke="{colour}" stroke-width="1.5"{dashes}/>'
            yield _head(end, y, way, colour) if arrow.arrived else _cross(end - way * 10, y)
            # In the middle, but never upon the lifeline of a third party.
            aside = self._step / 2 * way if (arrow.source + arrow.destination) % 2 == 0 else 0
            yield from _label((begin + end) / 2 - aside, y, arrow.label, colour)
        yield "</g>"
        yield _text(self._last + 30, y + 4, _shortened(arrow.beside), 'fill="#30343a"')

    def _note(self, note: Note, y: int) -> Iterator[str]:
        colour, middle = COLOURS[note.kind], (LEFT + self._last) / 2
        if note.kind is Kind.SILENCE:
            yield from _label(middle, y, f"⋮ {note.text} ⋮", colour)
            return
        width = max(self._last - LEFT, 200) + 40
        yield f'<rect x="{middle - width / 2:.0f}" y="{y - 9}" width="{width}" height="18" rx="3" fill="{colour}"/>'
        yield _text(middle, y + 4, note.text, 'text-anchor="middle" fill="white" font-weight="bold"')
        yield _text(LEFT - 70, y + 4, f"{note.at:.3f}", 'text-anchor="end" fill="#60656d"')

    def _legend(self) -> Iterator[str]:
        x, y = 12.0, self._foot + 26
        for tone, word in WORDS.items():
            yield f'<rect x="{x:.0f}" y="{y - 10}" width="12" height="12" fill="{COLOURS[tone]}"/>'
            yield _text(x + 18, y, word, "")
            x += 40 + LETTER * len(word)
        for number, remark in enumerate(self._ladder.remarks, 1):
            yield _text(12, y + 18 * number, remark, 'fill="#60656d"')


def _label(middle: float, y: int, text: str, colour: str) -> Iterator[str]:
    """Words on a line, with white beneath them."""
    width = LETTER * len(text) + 10
    yield f'<rect x="{middle - width / 2:.0f}" y="{y - 8}" width="{width:.0f}" height="16" fill="white"/>'
    yield _text(middle, y + 4, text, f'text-anchor="middle" fill="{colour}" font-weight="bold"')


def _text(x: float, y: float, text: str, style: str, inside: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {style}>{_safe(text)}{inside}</text>'


def _head(x: int, y: int, way: int, colour: str) -> str:
    return f'<polygon points="{x},{y} {x - way * 9},{y - 4} {x - way * 9},{y + 4}" fill="{colour}"/>'


def _cross(x: int, y: int) -> str:
    colour = COLOURS[Tone.REFUSES]
    return (
        f'<path d="M {x - 5} {y - 5} l 10 10 m 0 -10 l -10 10" stroke="{colour}" stroke-width="2.5" fill="none">'
        "<title>not seen at the receiver's port</title></path>"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= DETAIL_LETTERS else f"{text[: DETAIL_LETTERS - 1]}…"


def _safe(text: str) -> str:
    return escape(printable(text))
