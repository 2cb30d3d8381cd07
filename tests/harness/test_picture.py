"""What stands in the picture of an episode, as SVG."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.picture import Lane, Mark, Picture


def labels(*instants: Mark) -> list[str]:
    """The words below the lanes."""
    svg = Picture("a case", 1400.0, (Lane("phone", ()),), instants=instants).svg()
    return re.findall(r'<text [^>]*fill="#274c7f"[^>]*>([^<]*)</text>', svg)


@pytest.mark.parametrize(
    ("instants", "seen"),
    [
        ([(600, "visible"), (1200, "returned")], ["visible", "returned"]),
        ([(1200, "301 returned"), (1205, "302 returned"), (1230, "303 returned")], ["301 returned and 2 more"]),
        ([(600, "visible"), (600, "visible"), (601, "visible")], ["visible"]),
        ([(1205, "302 returned"), (1200, "301 returned")], ["301 returned and 1 more"]),
    ],
    ids=["apart", "close", "the same", "in another order"],
)
def test_labels_never_lie_on_each_other(instants: list[tuple[float, str]], seen: list[str]) -> None:
    assert labels(*(Mark(at, at, label) for at, label in instants)) == seen


def test_every_instant_is_drawn_and_says_when_it_is_pointed_at() -> None:
    svg = Picture("a case", 1400.0, (), instants=(Mark(10, 11, "one"), Mark(12, 13, "two"))).svg()
    assert re.findall(r"<title>([^<]*)</title>", svg) == ["one: 10.00 … 11.00 s", "two: 12.00 … 13.00 s"]


STIMULUS = re.compile(r'<text x="([0-9.]+)" y="([0-9]+)" fill="#b8322a" text-anchor="(start|end)"[^>]*>([^<]*)</text>')
LETTER = 6.5
"""Units of the picture, on average, of the font that it names."""


@given(
    st.lists(st.tuples(st.floats(0, 1400), st.sampled_from(["cut sw-home port1", "power_on phone-1140E", "reboot"])))
)
def test_the_words_of_stimuli_never_lie_on_each_other(stimuli: list[tuple[float, str]]) -> None:
    marks = tuple(Mark(at, at, f"{label} {number}") for number, (at, label) in enumerate(sorted(stimuli)))
    rows: dict[str, list[tuple[float, float]]] = {}
    told = 0
    for x, y, anchor, label in STIMULUS.findall(Picture("a case", 1400.0, (), stimuli=marks).svg()):
        begin = float(x) - (LETTER * len(label) if anchor == "end" else 0)
        rows.setdefault(y, []).append((begin, begin + LETTER * len(label)))
        more = re.search(r" and (\d+) more$", label)
        told += 1 + (int(more[1]) if more else 0)
    assert told == len(marks), "every one stands there or is counted"
    assert all(end < begin for row in rows.values() for (_, end), (begin, _) in pairwise(sorted(row)))
