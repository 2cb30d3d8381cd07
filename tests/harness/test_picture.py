"""What stands in the picture of an episode, as SVG."""

import re

import pytest

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
