"""Softphones invoke nothing by themselves; they follow the first physical phone."""

import pytest

from fixtures.judging import clause, judge, judge_none, more_than, not_judged
from harness.base.interval import Interval, Never
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Role
from harness.timeline import acceptances, admission_at, controlled, in_each_third, tries
from tests.resilience.criteria import first_physical_move

pytestmark = pytest.mark.failover

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("FO-PHYS")
def test_softphones_alone_do_not_invoke_failover(
    softphones_alone: Recording, softphone: Phone, inventory: Inventory
) -> None:
    lost = softphones_alone.line.last_sight_of(HOME)
    alone = Interval(lost.high, lost.low + bounds.alone_for(inventory, softphone))
    others = [phone for phone in inventory.phones.values() if not phone.soft]
    if softphones_alone.registrations(*others).between(alone):
        not_judged("softphones were not alone: another phone tried to register")
    own = softphones_alone.registrations(softphone)
    tried = tries(FAILOVER, own, alone)
    judge_none(
        acceptances(tried),
        occasions=in_each_third(controlled(tried, own), alone),
        occasion="a refusal of the softphone in each third of that time, it being let in later",
        marks=[(lost, "lost"), *((attempt.decided, str(attempt.outcome)) for attempt in tried)],
        window=(alone.low, alone.high),
    )


@clause("FO-SOFT-AFTER")
def test_a_softphone_moves_only_once_a_physical_phone_has(
    softphones_alone: Recording, softphone: Phone, inventory: Inventory
) -> None:
    lost = softphones_alone.line.last_sight_of(HOME)
    own = softphones_alone.registrations(softphone)
    moved = admission_at(FAILOVER, own, since=lost)
    first = first_physical_move(softphones_alone, inventory)
    if isinstance(first, Never):
        let_in = acceptances(own.at(FAILOVER).between(Interval(lost.low, softphones_alone.timeline.end)))
        judge_none(let_in, occasions=(), occasion="a physical phone that moved")
        return
    judge(
        moved.accepted - first,
        more_than(0),
        tried=controlled(moved.attempts, own),
        occasion="a refusal of the softphone before it was let in",
        marks=[(lost, "lost"), (first, "first physical phone"), (moved.accepted, "softphone")],
        window=(lost.low, first.high),
    )
