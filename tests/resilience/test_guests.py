"""Whom the failover system lets in as its guests, and whom not."""

import pytest

from fixtures.judging import at_most, cannot_judge, clause, judge, judge_none, not_judged
from harness.base.interval import Interval
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Protocol, Role, movers, off_at_failover
from harness.timeline import (
    Registrations,
    acceptances,
    admission_at,
    confirmations,
    departures,
    first_acceptance,
    licence_counts,
    not_due_to_move,
    turned_down,
)
from tests.resilience.criteria import last_moment_to_move
from tests.resilience.due import need_let_in

pytestmark = pytest.mark.failover

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("FO-ONLY")
def test_an_extension_that_never_registered_at_home_stays_out(
    home_lost: Recording, protocol: Protocol, inventory: Inventory
) -> None:
    probe = inventory.probes.get(protocol)
    if probe is None or probe.stranger is None:
        cannot_judge(f"this bench states no {protocol} extension that never registers at home")
    need_let_in(inventory, protocol)
    judge_kept_out(home_lost, home_lost.timeline.registrations(probe.stranger.extension), inventory)


@clause("FO-ONLY")
def test_a_wrong_password_stays_out(home_lost: Recording, protocol: Protocol, inventory: Inventory) -> None:
    if protocol not in inventory.probes:
        cannot_judge(f"this bench has no extension of the probe's own for {protocol}")
    need_let_in(inventory, protocol)
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


@clause("GUEST")
def test_phones_that_have_moved_take_no_licences(home_lost: Recording, inventory: Inventory) -> None:
    system, timeline = inventory.systems[FAILOVER], home_lost.timeline
    if system.licences is None or system.licence_count is None:
        cannot_judge("this bench states no source for how many licences of the failover system are in use")
    if any(off_at_failover(inventory, phone.protocol) for phone in inventory.failover_phones.values()):
        cannot_judge("phones of the failover system's own cannot register there, so that licences are free")
    before = licence_counts(timeline.stimuli, FAILOVER, home_lost.normal)
    if not before:
        not_judged("the licences in use were not read in normal operation")
    used = before[-1].used
    if used != system.licences:
        not_judged(
            f"{used} of {system.licences} licences were in use in normal operation, so that guests find free ones"
        )
    moved = all_moved(home_lost, inventory)
    during = licence_counts(timeline.stimuli, FAILOVER, Interval(moved.high, home_lost.visible.low))
    judge_none(
        [each for each in during if each.used != used],
        occasions=during,
        occasion="the licences in use read after the last phone had moved",
        marks=[(each.at, f"{each.used} in use") for each in (*before, *during)],
        window=(before[-1].at.low, home_lost.visible.low),
    )
    for phone in (each for each in inventory.failover_phones.values() if not home_lost.unreadable(each)):
        judge_keeps_its_own(home_lost, phone, guests_since=moved)


def all_moved(recording: Recording, inventory: Inventory) -> Interval:
    """When the last of the phones that were due to move was let in, each in time."""
    lost, moved = recording.line.last_sight_of(HOME), []
    for phone in movers(inventory).values():
        own = recording.registrations(phone)
        if not_due_to_move(recording.timeline, own, lost):
            continue
        accepted = admission_at(FAILOVER, own, since=lost).accepted
        since, latest = last_moment_to_move(recording, phone, inventory)
        judge(accepted - since, at_most(latest), marks=[(lost, "lost"), (accepted, phone.extension)])
        moved += [accepted] if isinstance(accepted, Interval) else []
    if not moved:
        not_judged("no phone was due to move")
    return max(moved, key=lambda each: each.high)


def judge_keeps_its_own(recording: Recording, phone: Phone, guests_since: Interval) -> None:
    """A phone of the failover system's own stays registered there, with guests as without."""
    own, lost, visible = recording.registrations(phone), recording.line.last_sight_of(HOME), recording.visible
    judge_none(
        departures(recording.turns(phone), FAILOVER, since=lost, until=visible),
        occasions=confirmations(own, FAILOVER, since=guests_since, until=visible),
        occasion=f"the registration of {phone.extension} confirmed while guests were there",
        window=(lost.low, visible.low),
    )
