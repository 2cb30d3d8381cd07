"""When phones return home, and when they must not yet."""

import pytest

from fixtures.judging import at_most, clause, judge, judge_none, more_than, not_judged
from harness.base.interval import Interval, Measured
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Protocol, Role
from harness.timeline import Attempt, acceptances, admission_at, last_acceptance

pytestmark = [pytest.mark.failover, pytest.mark.failback]

HOME, FAILOVER = Role.HOME, Role.FAILOVER
DUE = "the phone's last acceptance being at the failover system when home became visible"


@clause("FB-DELAY")
def test_no_phone_returns_before_ten_minutes(home_lost: Recording, phone: Phone) -> None:
    visible = home_lost.visible
    accepted = returned(home_lost, phone, visible)
    judge(
        accepted - visible,
        more_than(bounds.FAILBACK_DELAY),
        tried=due_to_return(home_lost, phone, visible),
        occasion=DUE,
        marks=[(visible, "visible"), (accepted, "returned")],
        window=(visible.low, visible.high + bounds.FAILBACK_DELAY),
    )


@clause("FB-IDLE-RETURN")
def test_each_idle_phone_returns(home_lost: Recording, phone: Phone, inventory: Inventory) -> None:
    judge_return(home_lost, phone, inventory)


@clause("FB-AUTO")
def test_failback_is_automatic_where_nothing_is_stated(
    home_lost: Recording, protocol: Protocol, inventory: Inventory
) -> None:
    if inventory.systems[HOME].failback is not None:
        not_judged("this bench states a failback setting")
    for phone in inventory.phones.values():
        if phone.protocol is protocol:
            judge_return(home_lost, phone, inventory)


@clause("FB-IDLE-RETURN")
def test_a_phone_repowered_after_failback_registers_at_home(phone_repowered: Recording, phone: Phone) -> None:
    powered = phone_repowered.powered_on(phone, nth=2)
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


def judge_return(recording: Recording, phone: Phone, inventory: Inventory) -> None:
    """The phone is accepted at home in time after home became visible."""
    visible = recording.visible
    accepted = returned(recording, phone, visible)
    latest = bounds.returns_by(inventory, phone)
    judge(
        accepted - visible,
        at_most(latest),
        tried=due_to_return(recording, phone, visible),
        occasion=DUE,
        marks=[(visible, "visible"), (accepted, f"{phone.extension} returned")],
        window=(visible.low, visible.high + latest),
    )


def returned(recording: Recording, phone: Phone, visible: Interval) -> Measured:
    """When home accepted the phone first after it became visible."""
    return admission_at(HOME, recording.registrations(phone), since=visible).accepted


def due_to_return(recording: Recording, phone: Phone, visible: Interval) -> list[Attempt]:
    """The phone's last acceptance before home became visible, if that was at the failover system."""
    last = last_acceptance(recording.registrations(phone), until=visible)
    return [last] if last is not None and last.role is FAILOVER else []
