"""Addresses and settings for phones that start during failover."""

import pytest

from fixtures.judging import at_most, clause, judge
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Phone, Role
from harness.timeline import address_served, admission_at

pytestmark = [pytest.mark.failover, pytest.mark.dhcp]


@clause("DHCP-BACKUP")
def test_a_phone_repowered_in_failover_is_served_and_comes_back(phone_repowered: Recording, phone: Phone) -> None:
    powered = phone_repowered.powered_on(phone, nth=1)
    latest = at_most(bounds.back_after_power(phone))
    served = address_served(phone_repowered.timeline, phone.mac, by=Role.FAILOVER, since=powered)
    judge(served - powered, latest, marks=[(powered, "power"), (served, "address")])
    registered = admission_at(Role.FAILOVER, phone_repowered.registrations(phone), since=powered).accepted
    judge(registered - powered, latest, marks=[(registered, "registered")])
