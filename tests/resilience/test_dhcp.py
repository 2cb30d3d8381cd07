"""Addresses and settings for phones that start before, in and after failover."""

import pytest

from fixtures.judging import at_most, cannot_judge, clause, judge, judge_none, not_judged, note
from harness.base.interval import Interval, Never
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Role, movers, off_at_failover
from harness.timeline import (
    DhcpMoment,
    address_served,
    admission_at,
    answered_by,
    asked_of,
    departures_from,
    last_acceptance,
    latest_grace_start,
    lease_served,
    offer_to,
    offers_to_discovers,
    scope_of,
    strange_numbers,
)
from harness.timeline.addresses import REPORTED
from tests.resilience.due import need_outlet, need_stated_to_move

pytestmark = [pytest.mark.failover, pytest.mark.dhcp]

FAILOVER = Role.FAILOVER


@clause("DHCP-OFF")
def test_the_failover_system_serves_nobody_in_normal_operation(phone_repowered: Recording) -> None:
    timeline, watched = phone_repowered.timeline, phone_repowered.watched
    normal = Interval(max(watched.low, phone_repowered.normal.low), phone_repowered.normal.high)
    served = answered_by(timeline, FAILOVER, normal)
    judge_none(
        served,
        occasions=asked_of(timeline, FAILOVER, normal),
        occasion="a DISCOVER or REQUEST at its port in normal operation",
        marks=[(moment.at, str(moment.event.kind)) for moment in served],
        window=(normal.low, normal.high),
    )


@clause("DHCP-BACKUP")
def test_a_phone_repowered_in_failover_is_served_and_comes_back(phone_repowered: Recording, phone: Phone) -> None:
    powered = powered_in_failover(phone_repowered, phone)
    latest = at_most(bounds.back_after_power(phone))
    served = address_served(phone_repowered.timeline, phone.mac, by=FAILOVER, since=powered)
    if isinstance(served, Never) and not asked_by(phone_repowered, phone, powered, at=FAILOVER):
        not_judged("no request of the phone for an address reached the failover system's port")
    judge(served - powered, latest, marks=[(powered, "power"), (served, "address")])
    if not phone.resilient:
        return  # it has an address, and does not know where to register with it
    own = phone_repowered.registrations(phone)
    before = last_acceptance(own, until=powered)
    if before is None or before.role is not FAILOVER:
        not_judged("the phone had not moved to the failover system when it lost its power")
    registered = admission_at(FAILOVER, own, since=powered).accepted
    judge(registered - powered, latest, marks=[(registered, "registered")])


@clause("DHCP-DATA")
def test_it_serves_what_home_would(phone_repowered: Recording, phone: Phone, inventory: Inventory) -> None:
    timeline = phone_repowered.timeline
    scope = scope_of(timeline, phone)
    if scope is None:
        cannot_judge("this bench does not state what home serves to the phone's network")
    powered = powered_in_failover(phone_repowered, phone)
    lease = lease_served(timeline, phone.mac, by=FAILOVER, since=powered)
    if lease is None:
        not_judged("the failover system gave the phone no lease")
    otherwise = departures_from(scope, inventory.sites[phone.site].subnet.netmask, lease)
    for text in otherwise:
        note(text)
    there = (number for number in REPORTED if number in lease.event.options)
    note(f"options not judged: {', '.join(f'{number} = {lease.event.options[number].hex()}' for number in there)}")
    judge_none(
        otherwise,
        occasions=[lease],
        occasion="a lease from the failover system",
        marks=[(powered, "power"), (lease.at, "lease")],
        window=(powered.low, lease.at.high),
    )


@clause("DHCP-RELAY")
def test_another_network_is_served_through_a_relay_and_its_own_without(
    phone_repowered: Recording, phone: Phone, inventory: Inventory
) -> None:
    powered = powered_in_failover(phone_repowered, phone)
    asked = asked_by(phone_repowered, phone, powered, at=inventory.name_of(phone))
    if not asked_by(phone_repowered, phone, powered, at=FAILOVER):
        not_judged("no request of the phone for an address reached the failover system's port")
    relayed = phone.site != inventory.systems[FAILOVER].site
    offered = offer_to(phone_repowered.timeline, phone.mac, FAILOVER, since=powered, relayed=relayed)
    judge(
        offered - powered,
        at_most(bounds.back_after_power(phone)),
        tried=asked,
        occasion="a request at the phone's own port",
        marks=[(powered, "power"), (offered, f"offer {'through a relay' if relayed else 'without a relay'}")],
    )


@clause("DHCP-SSON")
def test_each_systems_phones_are_told_apart_by_a_number_of_their_own(
    phone_repowered: Recording, inventory: Inventory
) -> None:
    served = [each for each in inventory.failover_phones.values() if not off_at_failover(inventory, each.protocol)]
    own = [phone for phone in served if phone.outlet and phone.site_option]
    if not own:
        cannot_judge(
            "this bench has no phone of the failover system's own that it serves, has such an option, can be re-powered"
        )
    lost = phone_repowered.line.last_sight_of(Role.HOME)
    # A phone that asks for no such option is sent to its system by other means.
    asking = [phone for phone in inventory.phones.values() if phone.site_option]
    of_home = [phone for phone in asking if repowered_before(phone_repowered, phone, lost)]
    if not of_home:
        not_judged("no phone of home was re-powered in normal operation")
    for phone, system in [*((each, Role.HOME) for each in of_home), *((each, FAILOVER) for each in own)]:
        powered = phone_repowered.powered_on(phone)
        lease = lease_served(phone_repowered.timeline, phone.mac, by=Role.HOME, since=powered)
        if lease is None or lease.at.high >= lost.low:
            not_judged(f"{phone.extension} was given no address by home in normal operation")
        otherwise = strange_numbers(phone_repowered.timeline, phone, system, lease)
        marks = [(powered, "power"), (lease.at, f"{phone.extension} has its address")]
        judge_none(otherwise, occasions=[lease], occasion="a lease from home", marks=marks)
        registered = admission_at(system, phone_repowered.registrations(phone), since=powered).accepted
        judge(
            registered - powered,
            at_most(bounds.back_after_power(phone)),
            marks=[*marks, (registered, f"{phone.extension} registered")],
        )


@clause("DHCP-END")
def test_after_failback_it_serves_nobody_any_more(phone_repowered: Recording, inventory: Inventory) -> None:
    timeline = phone_repowered.timeline
    everybody = [phone_repowered.registrations(phone) for phone in movers(inventory).values()]
    start = latest_grace_start(phone_repowered.visible, everybody)
    if isinstance(start, Never):
        not_judged("not every phone tried home again, so nobody knows when the last grace began")
    end = phone_repowered.watched.high
    if start.high + bounds.GRACE >= end:
        not_judged("the recording ended before every phone's grace was over")
    after = Interval(start.high + bounds.GRACE, end)
    asked, offered = offers_to_discovers(timeline, FAILOVER, after)
    for moment in answered_by(timeline, FAILOVER, after):
        note(f"{moment.event.kind} to {moment.event.client} at {moment.at}")
    judge_none(
        offered,
        occasions=asked,
        occasion="a DISCOVER at its port after the grace of every phone",
        marks=[(start, "last grace"), *((moment.at, "offer") for moment in offered)],
        window=(after.low, after.high),
    )


def repowered_before(recording: Recording, phone: Phone, lost: Interval) -> bool:
    """Whether the phone lost its power and got it again in normal operation."""
    powered = recording.timeline.stimulus("power_on", recording.inventory.name_of(phone))
    return powered is not None and powered.bracket.high < lost.low


def powered_in_failover(recording: Recording, phone: Phone) -> Interval:
    """When the phone, which had moved, got power while home was lost."""
    need_stated_to_move(recording.inventory, phone)
    need_outlet(phone)
    return recording.powered_on(phone, after=recording.line.last_sight_of(Role.HOME))


def asked_by(recording: Recording, phone: Phone, powered: Interval, at: str) -> list[DhcpMoment]:
    """What the phone asked for its address since it had power, as it was seen at the port of a device.

    What did not reach the failover system, for want of a relay, is not that system's fault.
    """
    asked = asked_of(recording.timeline, at, Interval(powered.low, recording.timeline.end))
    return [moment for moment in asked if moment.event.client == phone.mac.lower()]
