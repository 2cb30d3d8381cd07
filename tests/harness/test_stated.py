"""Who is due to move and to return, by what benches state of their systems."""

import pytest

from harness.episodes import bounds
from harness.inventory import (  # fmt: skip
    Inventory,
    Protocol,
    find_bench,
    kept_out,
    off_at_failover,
    other_domain,
    stays_put,
)

SIP, H323 = "phone-J179", "phone-9641"


def stated(bench: str) -> Inventory:
    return find_bench(bench).inventory


@pytest.mark.parametrize(
    ("bench", "sip_stays", "h323_stays"),
    [
        ("virtual", "", ""),
        ("virtual-no-h323", "", "no H.323 extensions"),
        ("virtual-no-sip", "no SIP extensions", ""),
        ("virtual-other-domain", "another SIP domain", ""),
    ],
)
def test_who_moves(bench: str, sip_stays: str, h323_stays: str) -> None:
    inventory = stated(bench)
    for phone, expected in ((SIP, sip_stays), (H323, h323_stays)):
        reason = stays_put(inventory, inventory.phones[phone])
        assert expected in reason if expected else reason == ""
        assert kept_out(inventory, inventory.phones[phone].protocol) == reason


def test_a_phone_that_does_not_know_the_failover_system_stays() -> None:
    inventory = stated("virtual")
    phone = inventory.phones[SIP].model_copy(update={"resilient": False})
    assert "does not know the failover system" in stays_put(inventory, phone)


def test_another_domain_leaves_sip_on() -> None:
    inventory = stated("virtual-other-domain")
    assert other_domain(inventory)
    assert off_at_failover(inventory, Protocol.SIP) == ""
    assert other_domain(stated("virtual-no-sip")) == ""


def test_nobody_waits_for_who_does_not_move() -> None:
    inventory = stated("virtual-no-sip")
    assert bounds.last_move(inventory) == bounds.moves_by(inventory, inventory.phones[H323])
    alone = inventory.model_copy(update={"phones": {SIP: inventory.phones[SIP]}})
    assert bounds.last_move(alone) == inventory.failover_bound
