"""The lab itself: no clause of the specification, but nobody may use a rig that was not put back."""

import pytest

from fixtures.night import Night, Replayed, left_changed
from harness.base.errors import LabFault

pytestmark = [pytest.mark.failover, pytest.mark.at_the_end]


def test_the_lab_was_left_clean(night: Night | Replayed) -> None:
    left = left_changed(night)
    if left:
        raise LabFault(f"left changed: {'; '.join(left)}.", next_step="put it back by hand, then `bench recover`.")
