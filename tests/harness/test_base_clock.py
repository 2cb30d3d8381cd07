import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.clock import ClockPair, Deadline, now
from harness.base.units import TimeScale


def test_a_deadline_passes() -> None:
    deadline = Deadline.after(0.02)
    assert not deadline.passed
    assert 0 < deadline.left <= 0.02
    time.sleep(0.03)
    assert deadline.passed
    assert deadline.left == 0


def test_polling_ends_with_the_condition_or_with_the_deadline() -> None:
    asked: list[int] = []

    def third_time() -> bool:
        asked.append(1)
        return len(asked) == 3

    assert Deadline.after(5).poll(third_time, every=0.001)
    assert not Deadline.after(0.01).poll(lambda: False, every=0.001)


def test_a_condition_is_asked_even_when_time_is_up() -> None:
    assert Deadline.after(-1).poll(lambda: True)


@pytest.mark.parametrize("step", [0.0, 3.0, -3.0])
def test_a_stepped_clock_is_noticed(step: float) -> None:
    first = ClockPair(realtime=1000, monotonic=50)
    later = ClockPair(realtime=1010 + step, monotonic=60)
    assert first.stepped_until(later) == step


def test_both_clocks_are_read_together() -> None:
    pair = ClockPair.read()
    assert abs(pair.realtime - now()) < 1
    assert abs(pair.monotonic - time.monotonic()) < 1


@given(st.floats(0.1, 60), st.floats(0, 1e5))
def test_bench_seconds_and_real_ones_are_two_views_of_one_time(factor: float, seconds: float) -> None:
    scale = TimeScale(factor)
    assert scale.to_real(scale.to_bench(seconds)) == pytest.approx(seconds)
