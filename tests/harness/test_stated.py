"""Who is due to move and to return, by what benches state of their systems."""

import pytest

from harness.episodes import bounds, manual
from harness.inventory import (  # fmt: skip
    Inventory,
    Protocol,
    Role,
    find_bench,
    kept_out,
    no_ipv6,
    off_at_failover,
    other_domain,
    returning,
    staying,
    stays_away,
    stays_put,
    without_resilience,
)
from harness.inventory.models import PortalSettings

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
        ("virtual-manual", "", ""),
        ("virtual-ipv6", "", ""),
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


def test_a_failover_system_without_ipv6_keeps_phones_out_that_register_by_it() -> None:
    inventory = stated("virtual-no-ipv6")
    assert "no IPv6 extensions" in stays_put(inventory, inventory.phones["phone-1140E"])
    assert stays_put(inventory, inventory.phones[SIP]) == ""
    assert kept_out(inventory, Protocol.SIP) == ""
    assert no_ipv6(stated("virtual-ipv6")) == ""
    without = inventory.systems | {Role.FAILOVER: stated("virtual").systems[Role.FAILOVER]}
    assert no_ipv6(inventory.model_copy(update={"systems": without}))


@pytest.mark.parametrize(
    ("portal", "stays"),
    [({}, ""), ({"resilient": False}, "no resilience of the portal"), (None, "no resilience of the portal")],
)
def test_a_webrtc_client_moves_where_the_portals_resilience_is_configured(
    portal: dict[str, bool] | None, stays: str
) -> None:
    inventory = stated("virtual-no-portal")
    given = None if portal is None else PortalSettings.model_validate(portal)
    failover = inventory.systems[Role.FAILOVER].model_copy(update={"portal": given})
    inventory = inventory.model_copy(update={"systems": inventory.systems | {Role.FAILOVER: failover}})
    client = inventory.phones["phone-WebRTC"]
    for reason in (without_resilience(inventory, client), stays_put(inventory, client)):
        assert stays in reason if stays else reason == ""
    assert (stays_put(inventory, inventory.phones[SIP]), client.encrypted, client.physical) == ("", True, False)


def test_another_domain_leaves_sip_on() -> None:
    inventory = stated("virtual-other-domain")
    assert other_domain(inventory)
    assert off_at_failover(inventory, Protocol.SIP) == ""
    assert other_domain(stated("virtual-no-sip")) == ""


def test_manual_failback_is_for_h323_phones_alone() -> None:
    inventory = stated("virtual-manual")
    assert stays_away(inventory, inventory.phones[H323]) == "this bench states manual failback"
    assert stays_away(inventory, inventory.phones[SIP]) == ""
    assert stays_away(stated("virtual"), inventory.phones[H323]) == ""


def test_who_returns_by_itself_has_moved_before() -> None:
    everybody = stated("virtual-all")
    assert everybody.phones.keys() - returning(everybody).keys() == {"phone-B179-alone", "phone-B199-alone"}
    manual = stated("virtual-manual")
    assert all(phone.protocol is Protocol.SIP for phone in returning(manual).values())


def test_nobody_waits_for_who_does_not_move() -> None:
    inventory = stated("virtual-no-sip")
    assert bounds.last_move(inventory) == bounds.moves_by(inventory, inventory.phones[H323])
    alone = inventory.model_copy(update={"phones": {SIP: inventory.phones[SIP]}})
    assert bounds.last_move(alone) == inventory.failover_bound


def test_one_phone_is_rebooted_and_another_logged_out_where_there_is_a_way() -> None:
    inventory = stated("virtual-manual")
    assert staying(inventory) == ["phone-9641", "phone-1608"]
    assert (manual.rebooted(inventory), manual.logged_out(inventory)) == ("phone-9641", "phone-1608")
    failover = inventory.systems[Role.FAILOVER].model_copy(update={"log_out_command": None})
    systems = inventory.systems | {Role.FAILOVER: failover}
    assert manual.logged_out(inventory.model_copy(update={"systems": systems})) is None
    phones = {name: phone.model_copy(update={"outlet": None}) for name, phone in inventory.phones.items()}
    without = inventory.model_copy(update={"phones": phones})
    assert (manual.rebooted(without), manual.logged_out(without)) == (None, "phone-9641")
    assert staying(stated("virtual")) == []
