"""Whom the failover system lets in as its guests, and whom not."""

import pytest

from fixtures.judging import cannot_judge, clause, judge_none, not_judged
from harness.base.interval import Interval
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Protocol, Role
from harness.timeline import Registrations, acceptances, first_acceptance, turned_down

pytestmark = pytest.mark.failover

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("FO-ONLY")
def test_an_extension_that_never_registered_at_home_stays_out(
    home_lost: Recording, protocol: Protocol, inventory: Inventory
) -> None:
    probe = inventory.probes.get(protocol)
    if probe is None or probe.stranger is None:
        cannot_judge(f"this bench states no {protocol} extension that never registers at home")
    judge_kept_out(home_lost, home_lost.timeline.registrations(probe.stranger.extension), inventory)


@clause("FO-ONLY")
def test_a_wrong_password_stays_out(home_lost: Recording, protocol: Protocol, inventory: Inventory) -> None:
    if protocol not in inventory.probes:
        cannot_judge(f"this bench has no extension of the probe's own for {protocol}")
    judge_kept_out(home_lost, home_lost.timeline.wrong_passwords(protocol), inventory)


def judge_kept_out(recording: Recording, attempts: Registrations, inventory: Inventory) -> None:
    """None of these is let in once the failover system lets home's phones in."""
    everybody = [recording.registrations(phone) for phone in inventory.phones.values()]
    opened = first_acceptance(FAILOVER, everybody, since=recording.line.last_sight_of(HOME))
    if not isinstance(opened, Interval):
        not_judged("no phone of home was ever let in")
    window = Interval(opened.high, recording.visible.low)
    tried = attempts.at(FAILOVER).between(window)
    judge_none(
        acceptances(tried),
        occasions=turned_down(tried),
        occasion="an answer that turned it away after the first phone of home was let in",
        marks=[(opened, "first phone"), *((each.decided, str(each.outcome)) for each in tried)],
        window=(window.low, window.high),
    )
