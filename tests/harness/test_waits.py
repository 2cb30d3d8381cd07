"""What an episode waits for before an outage, and before it ends one."""

from pathlib import Path

import pytest

from harness.base.clock import now
from harness.base.units import EpochSeconds
from harness.episodes.lab import AFTER_KEEPALIVE, Lab
from harness.episodes.softphones import _physical_and_softphones
from harness.episodes.watching import Quiet
from harness.inventory import find_bench


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "state"))
    return Lab(find_bench("virtual-all"), "none", tmp_path / "recording", Quiet())


def test_the_next_keepalive_is_told_from_the_last(lab: Lab) -> None:
    period = lab.inventory.settings.scale.to_real(lab.inventory.line.keepalive.period)
    lab.live.last_keepalive = last = now()
    lab.after_next_keepalive()
    assert lab.waits[-1].happened, "it waited for another one to be seen"
    assert now() >= last + period + AFTER_KEEPALIVE


def test_no_keepalive_is_told_from_one_that_passed_long_ago(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(lab, "wait_for", lambda _what, condition, _within: seen.append(condition()))
    period = lab.inventory.settings.scale.to_real(lab.inventory.line.keepalive.period)
    lab.live.last_keepalive = EpochSeconds(now() - 2 * period)
    lab.after_next_keepalive()
    assert seen == [False]


def test_softphones_have_followed_once_one_physical_phone_and_all_of_them_are_there(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: set[str] = set()
    monkeypatch.setattr(lab, "registered", lambda name, *_, **__: name in there)
    come = _physical_and_softphones(lab)
    soft = {name for name, phone in lab.inventory.phones.items() if phone.soft}
    assert len(soft) > 1
    assert not come()
    there |= soft
    assert not come(), "no physical phone is there"
    there |= {"phone-9641"}
    assert come()
    there -= {min(soft)}
    assert not come(), "a softphone is missing"
