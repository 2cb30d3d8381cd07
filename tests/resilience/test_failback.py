"""When phones return home, and when they must not yet."""

import pytest

from fixtures.judging import (
    at_most,
    cannot_judge,
    clause,
    inconclusive,
    judge,
    judge_between,
    judge_none,
    more_than,
    not_judged,
)
from harness.base.interval import Interval, Never
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Protocol, Role, movers
from harness.timeline import (
    Block,
    acceptances,
    admission_at,
    grace_start,
    in_each_third,
    in_last_fifth,
    tries,
    vouched,
)
from tests.resilience.criteria import judge_no_early_return, judge_return
from tests.resilience.due import need_let_in, need_outlet, need_stated_to_return

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


@clause("HP-GRACE")
def test_a_phone_that_cannot_reach_home_may_stay_for_five_minutes(
    paths_blocked: Recording, inventory: Inventory
) -> None:
    block = longest_block(paths_blocked)
    own, start = paths_blocked.registrations(inventory.phones[block.phone]), grace_of(paths_blocked, block, inventory)
    if start.high >= start.low + bounds.GRACE:
        inconclusive("nobody knows well enough when its grace began")
    grace = Interval(start.high, start.low + bounds.GRACE)
    asked = [each for each in own.at(FAILOVER).between(grace) if each.is_success or each.is_refusal]
    asked = [each for each in asked if each.asked.low >= grace.low and each.decided.high <= grace.high]
    refused = [each for each in asked if not each.is_success]
    judge_none(
        refused,
        occasions=in_last_fifth(asked, grace),
        occasion="an attempt at the failover system in the last fifth of its grace",
        marks=[(start, "grace"), *((each.decided, each.reason) for each in refused)],
        window=(grace.low, grace.high),
    )


@clause("HP-GRACE")
def test_a_phone_whose_path_home_opens_within_its_grace_returns(paths_blocked: Recording, inventory: Inventory) -> None:
    name, opened = opened_within_the_grace(paths_blocked)
    phone = inventory.phones[name]
    back = admission_at(HOME, paths_blocked.registrations(phone), since=opened).accepted
    latest = phone.catalogued.retry_max + bounds.SETTLING
    judge(
        back - opened,
        at_most(latest),
        marks=[(opened, "opened"), (back, "returned")],
        window=(opened.low, opened.high + latest),
    )


@clause("HP-END")
def test_after_its_grace_a_phone_that_cannot_reach_home_stays_out(
    paths_blocked: Recording, inventory: Inventory
) -> None:
    block = longest_block(paths_blocked)
    own, start = paths_blocked.registrations(inventory.phones[block.phone]), grace_of(paths_blocked, block, inventory)
    after = Interval(start.high + bounds.GRACE, start.high + 2 * bounds.GRACE)
    if block.surely.high < after.high:
        not_judged("its path to home was opened less than 10 minutes after its grace began")
    there = [each for each in own.at(FAILOVER).between(after) if each.is_success]
    judge_none(
        there,
        occasions=in_each_third(vouched(tries(FAILOVER, own, after), own), after),
        occasion="a refusal of this phone at the failover system in each third of the 5 minutes after its grace",
        marks=[(start, "grace"), *((each.decided, "registered") for each in there)],
        window=(after.low, after.high),
    )


@clause("FB-IDLE-RETURN")
def test_a_phone_repowered_after_failback_registers_at_home(phone_repowered: Recording, phone: Phone) -> None:
    need_stated_to_return(phone_repowered.inventory, phone)
    need_outlet(phone)
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


def longest_block(recording: Recording) -> Block:
    """The path to home that stayed blocked until after the grace."""
    blocks = recording.blocks(HOME)
    if not blocks:
        not_judged("no phone's path to home was blocked")
    return max(blocks, key=lambda block: block.surely.high)


def opened_within_the_grace(recording: Recording) -> tuple[str, Interval]:
    """The phone whose path to home was opened within its grace, and when."""
    begin = recording.visible + bounds.FAILBACK_DELAY
    opened = [(each.phone, each.opened) for each in recording.blocks(HOME) if isinstance(each.opened, Interval)]
    found = [(name, at) for name, at in opened if begin.high < at.low and at.high < begin.low + bounds.GRACE]
    if not found:
        not_judged("no path to home was opened within the grace")
    return found[0]


def grace_of(recording: Recording, block: Block, inventory: Inventory) -> Interval:
    """When the grace of the phone began whose path to home is blocked."""
    everybody = [recording.registrations(phone) for phone in movers(inventory).values()]
    phone = inventory.phones[block.phone]
    start = grace_start(recording.visible, everybody, recording.registrations(phone), recording.turns(phone))
    if isinstance(start, Never):
        not_judged("no phone returned home, or nothing shows that this one was to")
    return start


def the_two_outages(recording: Recording) -> list[tuple[Interval, Interval]]:
    """When home was lost and visible, and the same again."""
    outages = recording.line.outages(HOME)
    ended = [(outage.lost, outage.visible) for outage in outages if isinstance(outage.visible, Interval)]
    if len(ended) < 2:
        not_judged(f"the line shows {len(ended)} losses of home that ended, not 2")
    return ended[:2]
