"""What phones that register by TLS ask of the failover system's certificate."""

import pytest

from fixtures.judging import at_most, cannot_judge, clause, judge, judge_none, not_judged
from harness.base.interval import Interval
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Role
from harness.timeline import acceptances, admission_at

pytestmark = pytest.mark.failover

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("CFG-CERT")
def test_a_phone_by_tls_moves_where_one_root_signed_for_both(
    home_lost: Recording, phone: Phone, inventory: Inventory
) -> None:
    need_tls(phone)
    if not have_one_root(inventory):
        cannot_judge("this bench states another root for the failover system's certificate")
    lost = home_lost.line.last_sight_of(HOME)
    accepted = admission_at(FAILOVER, home_lost.registrations(phone), since=lost).accepted
    judge(
        accepted - lost,
        at_most(bounds.moves_by(inventory, phone)),
        marks=[(lost, "lost"), (accepted, "moved")],
        window=(lost.low, lost.high + bounds.moves_by(inventory, phone)),
    )


@clause("CFG-CERT")
def test_a_phone_by_tls_does_not_move_to_a_system_of_another_root(
    home_lost: Recording, phone: Phone, inventory: Inventory
) -> None:
    need_tls(phone)
    if have_one_root(inventory):
        cannot_judge("this bench states one root for the certificates of both systems")
    lost, visible = home_lost.line.last_sight_of(HOME), home_lost.visible
    others = [other for other in inventory.phones.values() if other.transport != "tls"]
    moved = acceptances(home_lost.registrations(*others).at(FAILOVER).between(Interval(lost.low, visible.high)))
    if not moved:
        not_judged("no other phone was let in, so nobody knows that the failover system had home's records")
    opened = Interval(moved[0].decided.low, visible.low)
    own = home_lost.registrations(phone).at(FAILOVER)
    judge_none(
        acceptances(own),
        occasions=own.between(opened),
        occasion="a try of the phone at the failover system while that let others in",
        marks=[(lost, "lost"), (moved[0].decided, "another let in")],
        window=(lost.low, visible.high),
    )


def need_tls(phone: Phone) -> None:
    """Other phones ask for no certificate."""
    if phone.transport != "tls":
        cannot_judge("the phone does not register by TLS")


def have_one_root(inventory: Inventory) -> bool:
    """Whether one root signed for both systems, as this bench states it."""
    return len({system.certificate_root for system in inventory.systems.values()}) == 1
