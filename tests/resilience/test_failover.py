"""When phones move to the failover system, and when they must not."""

import pytest

from fixtures.judging import at_most, cannot_judge, clause, judge, judge_between, judge_none, not_judged
from harness.base.interval import Interval, Never
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Protocol, Role, movers
from harness.timeline import (
    Change,
    acceptances,
    admission_at,
    confirmations,
    controlled,
    departures,
    first_answer_after_silence,
    in_each_third,
    last_acceptance,
    last_at,
    new_at,
    not_due_to_move,
    registered_at,
    seen_at_own_port,
    strays,
    tries,
    vouched,
)
from tests.resilience.criteria import judge_delay, judge_delay_of, judge_move, last_moment_to_move, open_to
from tests.resilience.due import need_let_in, need_stated_to_move

pytestmark = pytest.mark.failover

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("REG-BLOCK")
def test_the_failover_system_blocks_homes_phones_in_normal_operation(
    home_lost: Recording, protocol: Protocol, inventory: Inventory
) -> None:
    need_let_in(inventory, protocol)
    phones = [phone for phone in inventory.phones.values() if phone.protocol is protocol]
    strayed = strays(home_lost.timeline, home_lost.registrations(*phones))
    if strayed:
        # Normal operation ends where a phone moves, so this comes before its window is looked for.
        judge_none(strayed, occasions=strayed, occasion="", marks=[(each.decided, "let in") for each in strayed])
    need_probe(home_lost, protocol)
    probe = home_lost.registrations(protocol)
    registered = admission_at(HOME, probe, since=home_lost.whole).accepted
    if isinstance(registered, Never):
        not_judged("the probe was never registered at home")
    normal = home_lost.normal
    if registered.high >= normal.high:
        not_judged("the probe was not registered at home before normal operation ended")
    blocked = Interval(max(registered.high, normal.low), normal.high)
    tried = tries(FAILOVER, probe, blocked)
    judge_none(
        acceptances(tried),
        occasions=in_each_third(controlled(tried, probe), blocked),
        occasion="a refusal in each third of normal operation, the requester being let in later",
        marks=[(registered, "at home"), *((attempt.decided, str(attempt.outcome)) for attempt in tried)],
        window=(blocked.low, blocked.high),
    )


@clause("REG-BLOCK")
def test_a_phone_that_has_lost_its_way_home_is_blocked_while_the_line_is_up(
    paths_blocked: Recording, inventory: Inventory
) -> None:
    lost = paths_blocked.line.last_sight_of(HOME)
    blocks = [block for block in paths_blocked.blocks(HOME) if block.surely.high < lost.low]
    if not blocks:
        not_judged("no phone's path to home was blocked in normal operation")
    for block in blocks:
        phone, blocked = inventory.phones[block.phone], block.surely
        lapses = [each.at for each in paths_blocked.turns(phone) if (each.role, each.change) == (HOME, Change.LAPSED)]
        if not any(blocked.low < at.low and at.high < blocked.high for at in lapses):
            not_judged("its registration at home had not lapsed when the path was opened")
        own = paths_blocked.registrations(phone)
        tried = tries(FAILOVER, own, blocked)
        # Until it has noticed that home is gone a phone tries nowhere else.
        trying = Interval(min((each.asked.low for each in tried), default=blocked.low), blocked.high)
        judge_none(
            acceptances(tried),
            occasions=in_each_third(controlled(tried, own), trying),
            occasion="a refusal of this phone in each third of the time from its first try on, it being let in later",
            marks=[(block.closed, "blocked"), (block.opened, "opened")],
            window=(blocked.low, blocked.high),
        )


@clause("FO-DELAY")
def test_no_phone_is_let_in_before_three_minutes(home_lost: Recording, phone: Phone) -> None:
    judge_delay_of(home_lost, phone)


@clause("FO-DELAY")
def test_the_probe_is_not_let_in_before_three_minutes(home_lost: Recording, protocol: Protocol) -> None:
    judge_delay_of_probe(home_lost, protocol)


@clause("FO-DELAY")
def test_nor_is_a_phone_where_home_has_lost_power(failover_rebooted: Recording, phone: Phone) -> None:
    need_powered_off(failover_rebooted)
    judge_delay_of(failover_rebooted, phone)


@clause("FO-DELAY")
def test_nor_is_the_probe_where_the_line_alone_is_cut(line_cut: Recording, protocol: Protocol) -> None:
    judge_delay_of_probe(line_cut, protocol)


@clause("FO-ALLOW")
def test_each_phone_moves_by_itself_and_stays(home_lost: Recording, phone: Phone, inventory: Inventory) -> None:
    judge_move(home_lost, phone, inventory)


@clause("FO-ALLOW")
def test_each_phone_moves_where_home_has_lost_power(
    failover_rebooted: Recording, phone: Phone, inventory: Inventory
) -> None:
    need_powered_off(failover_rebooted)
    restarted = failover_rebooted.done("reboot", str(FAILOVER))
    judge_move(failover_rebooted, phone, inventory, stays_until=restarted)


@clause("FO-ALLOW")
def test_a_phone_that_still_sees_home_stays_there(line_cut: Recording, phone: Phone, inventory: Inventory) -> None:
    if phone.site == inventory.systems[FAILOVER].site:
        cannot_judge("the phone is in the failover system's network, which sees home no more either")
    lost, visible = line_cut.line.last_sight_of(HOME), line_cut.visible
    opened, own = open_to(line_cut, *line_cut.inventory.probes), line_cut.registrations(phone)
    let_in = Interval.at(opened.low)
    judge_none(
        [*acceptances(own.at(FAILOVER)), *departures(line_cut.turns(phone), HOME, since=lost, until=visible)],
        occasions=confirmations(own, HOME, since=let_in, until=visible),
        occasion="its registration confirmed at home while the failover system would have let it in",
        marks=[(lost, "lost"), (let_in, "the probe is let in"), (visible, "visible")],
        window=(opened.low, opened.high),
    )


@clause("FO-SYNC")
def test_a_phone_that_is_new_at_home_moves_like_the_others(phone_repowered: Recording, inventory: Inventory) -> None:
    pluggable = [phone for phone in inventory.phones.values() if phone.outlet is not None]
    if all(phone_repowered.unreadable(phone) for phone in pluggable):
        cannot_judge("no phone of this bench whose registrations can be read hangs on an outlet")
    lost = phone_repowered.line.last_sight_of(HOME)
    since = [(phone, new_at(HOME, phone_repowered.turns(phone), until=lost)) for phone in pluggable]
    new = [(phone, registered) for phone, registered in since if registered is not None]
    if not new:
        not_judged("no phone registered at home anew after it had lapsed there")
    for phone, registered in new:
        low, high = bounds.NEW_AT_HOME - bounds.ABOUT, bounds.NEW_AT_HOME + bounds.ABOUT
        judge_between(lost - registered, low, high, what="its registration at home before that was lost")
        judge_move(phone_repowered, phone, inventory, stays_until=phone_repowered.powered_off(phone, after=lost))


@clause("FO-SHORT")
def test_a_short_outage_invokes_nothing(home_rebooted: Recording, inventory: Inventory) -> None:
    lost = home_rebooted.line.last_sight_of(HOME)
    visible = home_rebooted.visible
    judge_between(visible - lost, *bounds.SHORT_OUTAGE, what="the outage")
    everybody, own = home_rebooted.registrations(), inventory.phones.values()
    since = Interval(lost.high, home_rebooted.timeline.end)
    judge_none(
        acceptances(home_rebooted.registrations(*own).at(FAILOVER)),
        occasions=vouched(tries(FAILOVER, everybody, since), everybody),
        occasion="a refusal of a phone or the probe after home was lost, the requester being known at home",
        marks=[(lost, "lost"), (visible, "visible")],
    )
    for phone in inventory.phones.values():
        back = registered_at(HOME, home_rebooted.registrations(phone), since=Interval.at(visible.low))
        judge(back - visible, at_most(bounds.back_after_short_outage(phone)), marks=[(back, phone.extension)])
    back = last_at(HOME, [home_rebooted.registrations(phone) for phone in own], since=Interval.at(visible.low))
    if not isinstance(back, Interval) or home_rebooted.watched.high < back.high + bounds.FAILOVER_DELAY:
        not_judged("the recording ended before 180 s had passed since the last phone was back")


@clause("FO-ROUTE")
def test_a_phone_that_cannot_reach_the_failover_system_stays_out_and_the_others_move(
    paths_blocked: Recording, inventory: Inventory
) -> None:
    blocked = {block.phone: block for block in paths_blocked.blocks(FAILOVER)}
    if not blocked:
        not_judged("no phone's path to the failover system was blocked")
    lost = paths_blocked.line.last_sight_of(HOME)
    moved = []
    for name, phone in movers(inventory).items():
        own = paths_blocked.registrations(phone)
        if name in blocked or not_due_to_move(paths_blocked.timeline, own, lost):
            continue
        accepted = admission_at(FAILOVER, own, since=lost).accepted
        since, latest = last_moment_to_move(paths_blocked, phone, inventory)
        judge(accepted - since, at_most(latest), marks=[(lost, "lost"), (accepted, name)])
        if isinstance(accepted, Interval):
            moved.append(accepted.high)
    if not moved:
        not_judged("no other phone was due to move")
    for name, block in blocked.items():
        own = paths_blocked.registrations(inventory.phones[name]).at(FAILOVER).between(block.surely)
        # Those before the others have moved could not have succeeded anyhow.
        late = own.between(Interval(min(moved), block.surely.high))
        judge_none(
            acceptances(own),
            occasions=seen_at_own_port(paths_blocked.timeline, name, late),
            occasion="a try of this phone at the failover system after that had let another one in",
            marks=[(block.closed, "blocked"), (block.opened, "opened")],
            window=(block.surely.low, block.surely.high),
        )


@clause("FO-RESTART")
def test_a_restart_of_the_failover_system_loses_the_phones(
    failover_rebooted: Recording, phone: Phone, inventory: Inventory
) -> None:
    need_stated_to_move(inventory, phone)
    rebooted = failover_rebooted.done("reboot", str(FAILOVER))
    own = failover_rebooted.registrations(phone)
    before = last_acceptance(own, until=rebooted)
    if before is None or before.role is not FAILOVER:
        not_judged("the phone was not at the failover system when that restarted")
    visible = failover_rebooted.visible
    first = first_answer_after_silence(FAILOVER, failover_rebooted.registrations(), rebooted, bounds.GOING_DOWN)
    if not isinstance(first, Interval) or first.low >= visible.low:
        not_judged("the failover system was not silent and back before home was")
    closed = Interval(first.low, visible.low)
    if closed.width < inventory.failover_bound + bounds.CLOSED_BESIDES:
        not_judged(f"home was back {closed.width:.0f} s after the failover system's first answer, which is too early")
    there = [each for each in own.at(FAILOVER).between(closed) if each.is_success]
    refused = vouched(tries(FAILOVER, own, closed), own)
    judge_none(
        there,
        occasions=[each for each in refused if each.is_answered],
        occasion="an answer that refuses this phone after the restart",
        marks=[(rebooted, "reboot"), (first, "answers again"), *((each.decided, "registered") for each in there)],
        window=(rebooted.low, visible.low),
    )


def judge_delay_of_probe(recording: Recording, protocol: Protocol) -> None:
    """FO-DELAY by the probe's own extension alone."""
    need_let_in(recording.inventory, protocol)
    need_probe(recording, protocol)
    probe = recording.registrations(protocol)
    judge_delay(recording, probe, tried_by=probe)


def need_powered_off(recording: Recording) -> None:
    """Home hangs on an outlet, which was switched off."""
    if recording.inventory.systems[HOME].outlet is None:
        cannot_judge("home of this bench hangs on no outlet")
    recording.done("power_off", str(HOME))


def need_probe(recording: Recording, protocol: Protocol) -> None:
    """Nobody else tries at the failover system while home is there."""
    if protocol not in recording.inventory.probes:
        cannot_judge(f"this bench has no extension of the probe's own for {protocol}")
