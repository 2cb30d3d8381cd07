"""When phones return home, and when they must not yet."""

import pytest

from fixtures.judging import at_most, cannot_judge, clause, judge, judge_between, judge_none, more_than, not_judged
from harness.base.interval import Interval
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Protocol, Role, movers
from harness.timeline import acceptances, admission_at
from tests.resilience.criteria import judge_no_early_return, judge_return
from tests.resilience.due import need_let_in, need_stated_to_return

pytestmark = [pytest.mark.failover, pytest.mark.failback]

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("FB-DELAY")
def test_no_phone_returns_before_ten_minutes(home_lost: Recording, phone: Phone) -> None:
    judge_no_early_return(home_lost, phone)


@clause("FB-IDLE-RETURN")
def test_each_idle_phone_returns(home_lost: Recording, phone: Phone, inventory: Inventory) -> None:
    judge_return(home_lost, phone, inventory)


@clause("FB-AUTO")
def test_failback_is_automatic_where_nothing_is_stated(
    home_lost: Recording, protocol: Protocol, inventory: Inventory
) -> None:
    if inventory.systems[HOME].failback is not None:
        cannot_judge("this bench states a failback setting")
    need_let_in(inventory, protocol)
    for phone in movers(inventory).values():
        if phone.protocol is protocol:
            judge_return(home_lost, phone, inventory)


@clause("FB-FLAP")
def test_the_ten_minutes_begin_anew_when_home_is_lost_again(
    home_flaps: Recording, phone: Phone, inventory: Inventory
) -> None:
    need_stated_to_return(inventory, phone)
    (lost, seen), (lost_again, visible) = the_two_outages(home_flaps)
    judge_between(lost_again - seen, 500, bounds.FAILBACK_DELAY, what="the time home was visible first")
    own = home_flaps.registrations(phone)
    moved = admission_at(FAILOVER, own, since=lost).accepted
    if not isinstance(moved, Interval):
        not_judged("the phone never moved")
    returned = admission_at(HOME, own, since=moved).accepted
    latest = bounds.returns_by(inventory, phone)
    marks = [(seen, "visible"), (lost_again, "lost again"), (visible, "visible again"), (returned, "returned")]
    # This first: a phone that never returns would not be judged by the other.
    judge(returned - visible, at_most(latest), marks=marks, window=(visible.low, visible.high + latest))
    judge(returned - visible, more_than(bounds.FAILBACK_DELAY), marks=marks[:3])


@clause("FB-IDLE-RETURN")
def test_a_phone_repowered_after_failback_registers_at_home(phone_repowered: Recording, phone: Phone) -> None:
    need_stated_to_return(phone_repowered.inventory, phone)
    if phone.outlet is None:
        cannot_judge("the phone hangs on no outlet of this bench")
    powered = phone_repowered.powered_on(phone, after=phone_repowered.visible)
    own = phone_repowered.registrations(phone)
    back = admission_at(HOME, own, since=powered).accepted
    judge(
        back - powered,
        at_most(bounds.back_after_power(phone)),
        marks=[(powered, "power"), (back, "registered")],
    )
    judge_none(
        acceptances(own.at(FAILOVER).between(Interval(powered.low, phone_repowered.timeline.end))),
        occasions=acceptances(own.at(HOME)),
        occasion="a registration after it had power",
    )


def the_two_outages(recording: Recording) -> list[tuple[Interval, Interval]]:
    """When home was lost and visible, and the same again."""
    outages = recording.line.outages(HOME)
    ended = [(outage.lost, outage.visible) for outage in outages if isinstance(outage.visible, Interval)]
    if len(ended) < 2:
        not_judged(f"the line shows {len(ended)} losses of home that ended, not 2")
    return ended[:2]
