"""The picture of an episode: stimuli, a lane per phone coloured by where it is registered, the judged window."""

from dataclasses import dataclass, replace
from functools import cached_property
from html import escape

WIDTH, LEFT, RIGHT = 1100, 150, 20
LANE, GAP = 26, 10
STIMULI, ROW, ROWS = 46, 15, 10
"""Where the first row of their labels stands, how far from the next one, and how many there are at most."""
APART, TOGETHER = 6.0, 6.0
"""Units of the picture between two labels of a row; within which several stimuli are one mark."""
HALO = 'stroke="white" stroke-width="3" paint-order="stroke"'
"""Keeps a label legible where a line passes."""
COLOURS = {
    "home": "#2f7d4f",
    "failover": "#d9822b",
    "none": "#c9ccd1",
    "unknown": "#eceef0",
    "up": "#2f7d4f",
    "down": "#b8322a",
    "off": "#4a4f57",
}
WORDS = {
    "home": "at home",
    "failover": "at the failover system",
    "none": "registered nowhere",
    "unknown": "unknown",
}


@dataclass(frozen=True)
class Span:
    """One state of a lane, bench seconds."""

    begin: float
    end: float
    state: str


@dataclass(frozen=True)
class Lane:
    """One row of the picture."""

    name: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Mark:
    """An instant with a word to it; `low` and `high` bench seconds."""

    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Picture:
    """All that a picture shows, bench seconds since the recording began."""

    title: str
    length: float
    lanes: tuple[Lane, ...]
    stimuli: tuple[Mark, ...] = ()
    window: tuple[float, float] | None = None
    instants: tuple[Mark, ...] = ()

    def svg(self) -> str:
        """The picture as SVG text."""
        height = self._top + len(self.lanes) * (LANE + GAP) + 74
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            f'<text x="12" y="22" font-size="15" font-weight="bold">{escape(self.title)}</text>',
            *self._window(height),
            *self._grid(height),
            *(part for row, lane in enumerate(self.lanes) for part in self._lane(row, lane)),
            *self._stimuli(height),
            *self._instants(height),
            *self._legend(height),
            "</svg>",
        ]
        return "\n".join(parts)

    def _x(self, seconds: float) -> float:
        inside = min(max(seconds, 0.0), self.length)
        return LEFT + inside / max(self.length, 1e-9) * (WIDTH - LEFT - RIGHT)

    def _window(self, height: int) -> list[str]:
        if self.window is None:
            return []
        begin, end = self._x(self.window[0]), self._x(self.window[1])
        width, tall = max(end - begin, 1), height - self._top - 60
        return [
            f'<rect x="{begin:.1f}" y="{self._top - 8}" width="{width:.1f}" height="{tall}" '
            f'fill="#3b6fb6" opacity="0.12"/>'
        ]

    def _grid(self, height: int) -> list[str]:
        step = next(step for step in (30, 60, 120, 300, 600, 1800, 3600, 36000) if self.length / step <= 14)
        parts = []
        for number in range(int(self.length // step) + 1):
            x = self._x(number * step)
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self._top - 8}" y2="{height - 66}" stroke="#dfe2e6"/>')
            parts.append(
                f'<text x="{x:.1f}" y="{height - 52}" text-anchor="middle" fill="#60656d">{number * step} s</text>'
            )
        return parts

    def _lane(self, row: int, lane: Lane) -> list[str]:
        y = self._top + row * (LANE + GAP)
        parts = [f'<text x="{LEFT - 10}" y="{y + 17}" text-anchor="end">{escape(lane.name)}</text>']
        for span in lane.spans:
            begin, end = self._x(span.begin), self._x(span.end)
            title = f"{span.state}: {span.begin:.1f} … {span.end:.1f} s"
            parts.append(
                f'<rect x="{begin:.1f}" y="{y}" width="{max(end - begin, 0.8):.1f}" height="{LANE}" '
                f'fill="{COLOURS.get(span.state, "#999")}"><title>{escape(title)}</title></rect>'
            )
        return parts

    def _stimuli(self, height: int) -> list[str]:
        parts, line = [], 'stroke="#b8322a" stroke-dasharray="4 3"'
        for group in self._grouped():
            x = self._x(group[0].high)
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self._top - 8}" y2="{height - 66}" {line}/>')
        for row, group in self._labels:
            x, y, label = self._x(group[0].high), STIMULI + row * ROW, _as_one(group).label
            at, anchor = (x - 3, "end") if self._turned(group) else (x + 3, "start")
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{self._top - 8}" {line}/>')
            parts.append(
                f'<text x="{at:.1f}" y="{y}" fill="#b8322a" text-anchor="{anchor}" {HALO}>{escape(label)}</text>'
            )
        return parts

    def _grouped(self) -> list[list[Mark]]:
        """The stimuli, by place of the picture."""
        groups: list[list[Mark]] = []
        for mark in self.stimuli:
            if groups and self._x(mark.high) - self._x(groups[-1][0].high) < TOGETHER:
                groups[-1].append(mark)
            else:
                groups.append([mark])
        return groups

    @cached_property
    def _top(self) -> int:
        """Where the lanes begin: below the labels of the stimuli."""
        return STIMULI + ROW * max((row + 1 for row, _ in self._labels), default=0) + 1

    @cached_property
    def _labels(self) -> list[tuple[int, list[Mark]]]:
        """Each with its row, beside each other; those that find no room are counted in the one before."""
        taken = [-1e9] * ROWS
        found: list[tuple[int, list[Mark]]] = []
        for group in self._grouped():
            x, length = self._x(group[0].high), _longest(group)
            begin = x - length if self._turned(group) else x
            row = next((row for row in range(ROWS) if begin - taken[row] > APART), None)
            if row is None:
                found[-1][1].extend(group)
            else:
                taken[row] = begin + length
                found.append((row, [*group]))
        return found

    def _turned(self, group: list[Mark]) -> bool:
        """Whether its label stands left of its place, since there is no room on the right."""
        return self._x(group[0].high) + _longest(group) > WIDTH

    def _instants(self, height: int) -> list[str]:
        parts = []
        for mark in self.instants:
            low, high = self._x(mark.low), self._x(mark.high)
            width, tall = max(high - low, 2), height - self._top - 60
            parts.append(
                f'<rect x="{low:.1f}" y="{self._top - 8}" width="{width:.1f}" height="{tall}" '
                f'fill="#3b6fb6"><title>{escape(mark.label)}: {mark.low:.2f} … {mark.high:.2f} s</title></rect>'
            )
        for mark in self._labelled():
            low, high = self._x(mark.low), self._x(mark.high)
            end = low > WIDTH - 160
            parts.append(
                f'<text x="{low - 4 if end else high + 4:.1f}" y="{height - 70}" fill="#274c7f" '
                f'text-anchor="{"end" if end else "start"}">{escape(mark.label)}</text>'
            )
        return parts

    def _labelled(self) -> list[Mark]:
        """The instants whose labels stand beside each other; those that would lie on another's are counted there."""
        groups: list[list[Mark]] = []
        for mark in sorted(self.instants, key=lambda mark: mark.low):
            if groups and self._x(mark.low) - self._x(groups[-1][0].low) < _length(groups[-1][0].label):
                groups[-1].append(mark)
            else:
                groups.append([mark])
        return [_as_one(group) for group in groups]

    def _legend(self, height: int) -> list[str]:
        parts, x = [], LEFT
        for state, word in WORDS.items():
            parts.append(f'<rect x="{x}" y="{height - 34}" width="14" height="14" fill="{COLOURS[state]}"/>')
            parts.append(f'<text x="{x + 20}" y="{height - 22}">{word}</text>')
            x += 40 + 7 * len(word)
        parts.append(f'<rect x="{x}" y="{height - 34}" width="14" height="14" fill="#3b6fb6" opacity="0.25"/>')
        parts.append(f'<text x="{x + 20}" y="{height - 22}">judged window; bench seconds</text>')
        return parts


def _length(label: str) -> float:
    return 6.5 * len(label)


def _longest(group: list[Mark]) -> float:
    """The length of its label, however many are counted in it."""
    return _length(f"{group[0].label} and 99 more")


def _as_one(group: list[Mark]) -> Mark:
    """The first of several, with how many have other words to them."""
    more = len({mark.label for mark in group}) - 1
    return replace(group[0], label=f"{group[0].label} and {more} more") if more else group[0]
