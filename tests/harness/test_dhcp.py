"""DHCP: messages with their options, relayed or not."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.dhcp import options_of
from harness.capture.events import DhcpEvent, DhcpKind
from tests.harness.decoding import T0, decoded, needs_tshark, only
from tests.harness.wire import HOME, MAC, ROUTER, dhcp, udp

SETTINGS = b"MCIPADD=10.77.1.10,10.77.2.10"


def option(number: int, value: bytes) -> bytes:
    return bytes([number, len(value)]) + value


@needs_tshark
def test_a_relayed_offer_is_one_event_with_its_options(tmp_path: Path) -> None:
    options = option(54, b"\x0a\x4d\x01\x0a") + option(3, b"\x0a\x4d\x03\x01") + option(242, SETTINGS)
    offer = dhcp(2, relay=ROUTER, offered="10.77.3.101", options=options)
    home = [(1.0, udp((HOME, 67), (ROUTER, 67), offer))]
    phones = [(1.01, udp((ROUTER, 67), ("255.255.255.255", 68), offer))]
    [event] = only(decoded(tmp_path, home=home, phones=phones), DhcpEvent)
    assert (event.kind, event.client, event.offered, event.relay) == (
        DhcpKind.OFFER,
        MAC,
        "10.77.3.101",
        ROUTER,
    )
    assert (event.server, event.source, event.at) == (HOME, HOME, T0 + 1)
    assert event.options[242] == SETTINGS
    assert [seen.point for seen in event.sightings] == ["home", "phones"]


@needs_tshark
def test_an_offer_by_relay_and_one_without_are_two(tmp_path: Path) -> None:
    """A server in the phones' own network may hear the same question twice."""
    options = option(54, b"\x0a\x4d\x01\x0a")
    direct = udp((HOME, 67), ("255.255.255.255", 68), dhcp(2, offered="10.77.3.101", options=options))
    relayed = udp((HOME, 67), (ROUTER, 67), dhcp(2, relay=ROUTER, offered="10.77.3.101", options=options))
    found = only(decoded(tmp_path, home=[(1.0, direct), (1.002, relayed)]), DhcpEvent)
    assert [event.relay for event in found] == ["", ROUTER]


@needs_tshark
def test_a_repeated_discover_is_another_event(tmp_path: Path) -> None:
    discover = udp(("0.0.0.0", 68), ("255.255.255.255", 67), dhcp(1))
    found = only(decoded(tmp_path, phones=[(0, discover), (3, discover)]), DhcpEvent)
    assert [event.kind for event in found] == [DhcpKind.DISCOVER] * 2


@needs_tshark
def test_a_mutilated_message_is_a_finding(tmp_path: Path) -> None:
    broken = udp(("0.0.0.0", 68), ("255.255.255.255", 67), dhcp(1, options=b"\x0c\xf0ab"))
    found = decoded(tmp_path, phones=[(0, broken)])
    assert found.events == ()
    assert len(found.findings) == 1


@given(st.dictionaries(st.integers(1, 254), st.binary(max_size=255), max_size=10))
def test_options_come_back(values: dict[int, bytes]) -> None:
    data = b"".join(option(number, value) for number, value in values.items())
    assert options_of(data + b"\xff\x01") == values


@given(st.binary(max_size=60))
def test_any_bytes_give_options_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        assert all(0 < number < 255 for number in options_of(data))


def test_a_long_option_in_two_parts_is_joined() -> None:
    assert options_of(option(242, b"ab") + option(242, b"cd")) == {242: b"abcd"}


def test_an_option_beyond_the_end() -> None:
    with pytest.raises(ValueError, match="beyond"):
        options_of(b"\x0c\x05ab")
