"""The lab itself: no clause of the specification, but nobody may use a rig that was not put back."""

import pytest

from fixtures.night import Night, Replayed
from harness.base.errors import LabFault

pytestmark = [pytest.mark.failover, pytest.mark.at_the_end]


def test_the_lab_was_left_clean(night: Night | Replayed) -> None:
    left = [failure for end in night.put_back.values() for failure in end.failures]
    if left or not all(end.clean for end in night.put_back.values()):
        raise LabFault(f"not put back: {'; '.join(left)}.", next_step="put it back by hand, then `bench recover`.")
