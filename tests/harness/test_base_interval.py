import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.interval import Interval, Never

numbers = st.floats(-1e6, 1e6)
intervals = st.tuples(numbers, numbers).map(lambda pair: Interval(min(pair), max(pair)))
parts = st.floats(0, 1)


def within(interval: Interval, part: float) -> float:
    """A value in `interval`: its low at part 0, its high at part 1."""
    return min(interval.high, interval.low + part * interval.width)


@given(intervals, intervals, parts, parts)
def test_arithmetic_never_loses_the_true_value(a: Interval, b: Interval, x: float, y: float) -> None:
    assert within(a, x) + within(b, y) in (a + b).widened(1e-6)
    assert within(a, x) - within(b, y) in (a - b).widened(1e-6)


@given(intervals, intervals)
def test_arithmetic_never_narrows(a: Interval, b: Interval) -> None:
    for result in (a + b, a - b, a.hull(b)):
        assert result.width >= max(a.width, b.width) - 1e-6


@given(intervals, numbers)
def test_a_number_is_an_interval_without_width(a: Interval, number: float) -> None:
    assert a + number == a + Interval.at(number)
    assert a - number == a - Interval.at(number)


@given(intervals, intervals)
def test_a_hull_holds_both(a: Interval, b: Interval) -> None:
    assert {a.low, a.high, b.low, b.high} <= {v for v in (a.low, a.high, b.low, b.high) if v in a.hull(b)}


@pytest.mark.parametrize(("low", "high"), [(1, 0), (float("nan"), 0), (0, float("nan"))])
def test_what_is_no_interval_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low <= high"):
        Interval(low, high)


def test_never_counts_from_the_earliest_beginning() -> None:
    assert Never(500) - Interval(100, 130) == Never(400)
    assert str(Never(400)) == "never (until 400.00)"
    assert str(Interval(1, 2)) == "[1.00 … 2.00]"


sourced = st.tuples(numbers, st.floats(0, 1e3), st.sampled_from("abc")).map(lambda made: Interval.at(*made))


@given(sourced, sourced, sourced, st.floats(0, 10))
def test_a_budget_is_never_more_than_the_width_it_explains(a: Interval, b: Interval, c: Interval, by: float) -> None:
    for result in (a + b, (a - b) - c, a.hull(b, "d"), a.widened(by, "e"), (a + 5.0) - b):
        assert sum(width for _, width in result.budget) <= result.width + 1e-6


def test_a_budget_names_its_sources() -> None:
    lost = Interval.at(100, 0.5, "stamp").hull(Interval.at(103, 0.5, "stamp"), "between")
    assert dict((Interval.at(290, 0.5, "stamp") - lost).budget) == {"stamp": 2.0, "between": 3.0}
    # Rectangles of widths 2 and 3 (GUM 4.3.7): variances 4/12 and 9/12.
    assert (Interval.at(290, 0.5, "stamp") - lost).standard_uncertainty == pytest.approx((13 / 12) ** 0.5)
