"""A sample of `benchmarks.kills`: runs, watchdogs and recoveries killed at seeded instants, on one bench."""

import os
from collections.abc import Iterator

import pytest

from benchmarks.kills_rounds import Mode, Plan, Stage

SEED = 5
SAMPLE = ((Mode.WATCHDOG, 0), (Mode.BOTH, 0), (Mode.RECOVERY, 0), (Mode.RECOVERY, 1))

pytestmark = [pytest.mark.bench, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A bench on which it was seen that a killed run leaves something, and that it can be put back."""
    with Stage(1) as prepared:
        prepared.measure_usual(times=1)
        yield prepared


@pytest.mark.parametrize(("mode", "number"), SAMPLE, ids=lambda value: str(value))
def test_what_a_killed_run_left_is_put_back_in_time(stage: Stage, mode: Mode, number: int) -> None:
    row = stage.play(Plan.of(SEED, mode, number))
    assert not row["wrong"], row
