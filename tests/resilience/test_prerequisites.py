"""What the failover system must have for phones to move: each both ways, as the bench states it."""

import pytest

from fixtures.judging import at_most, cannot_judge, clause, judge, not_judged
from harness.base.interval import Interval
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import (  # fmt: skip
    Inventory,
    Phone,
    Protocol,
    Role,
    no_ipv6,
    off_at_failover,
    other_domain,
    other_root,
)
from harness.timeline import acceptances, admission_at
from tests.resilience.criteria import judge_stays
from tests.resilience.due import need_stated_to_move

pytestmark = [pytest.mark.failover, pytest.mark.prerequisites]

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("CFG-SIP")
def test_sip_phones_move_only_where_the_failover_system_supports_them(
    home_lost: Recording, phone: Phone, inventory: Inventory
) -> None:
    lacks = off_at_failover(inventory, Protocol.SIP)
    judge_prerequisite(home_lost, phone, inventory, needs=phone.protocol is Protocol.SIP, lacks=lacks)


@clause("CFG-H323")
def test_h323_phones_move_only_where_the_failover_system_supports_them(
    home_lost: Recording, phone: Phone, inventory: Inventory
) -> None:
    lacks = off_at_failover(inventory, Protocol.H323)
    judge_prerequisite(home_lost, phone, inventory, needs=phone.protocol is Protocol.H323, lacks=lacks)


@clause("CFG-DOMAIN")
def test_sip_phones_move_only_within_one_domain(home_lost: Recording, phone: Phone, inventory: Inventory) -> None:
    lacks = other_domain(inventory)
    judge_prerequisite(home_lost, phone, inventory, needs=phone.protocol is Protocol.SIP, lacks=lacks)


@clause("CFG-IPV6")
def test_phones_by_ipv6_move_only_where_the_failover_system_has_it(
    home_lost: Recording, phone: Phone, inventory: Inventory
) -> None:
    if all(each.ip == 4 for each in inventory.phones.values()):
        cannot_judge("no phone of this bench registers by IPv6")
    judge_prerequisite(home_lost, phone, inventory, needs=phone.ip == 6, lacks=no_ipv6(inventory))


@clause("CFG-CERT")
def test_phones_by_tls_move_only_where_one_root_signed_for_both(
    home_lost: Recording, phone: Phone, inventory: Inventory
) -> None:
    if phone.transport != "tls":
        cannot_judge("the phone does not register by TLS, or not at the system itself")
    if other_root(inventory):
        need_records(home_lost, inventory)
        judge_stays(home_lost, phone, inventory)
    else:
        judge_moves(home_lost, phone, inventory)


def need_records(recording: Recording, inventory: Inventory) -> None:
    """That a phone which asks for no certificate was let in shows that the failover system had home's records."""
    lost, visible = recording.line.last_sight_of(HOME), recording.visible
    others = [phone for phone in inventory.phones.values() if not phone.encrypted]
    if not acceptances(recording.registrations(*others).at(FAILOVER).between(Interval(lost.low, visible.high))):
        not_judged("no other phone was let in, so nobody knows that the failover system had home's records")


def judge_prerequisite(recording: Recording, phone: Phone, inventory: Inventory, *, needs: bool, lacks: str) -> None:
    """Phones that need it move where nothing is lacking; where it is, they do not, and the others do."""
    if lacks and needs:
        judge_stays(recording, phone, inventory)
    elif lacks or needs:
        need_stated_to_move(inventory, phone)
        judge_moves(recording, phone, inventory)
    else:
        cannot_judge("where a bench states no lack, only phones that need it are concerned")


def judge_moves(recording: Recording, phone: Phone, inventory: Inventory) -> None:
    """The phone is let in by the failover system in time."""
    lost, latest = recording.line.last_sight_of(HOME), bounds.moves_by(inventory, phone)
    accepted = admission_at(FAILOVER, recording.registrations(phone), since=lost).accepted
    judge(
        accepted - lost,
        at_most(latest),
        marks=[(lost, "lost"), (accepted, "moved")],
        window=(lost.low, lost.high + latest),
    )
