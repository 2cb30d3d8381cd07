"""The line between the systems: keepalives and payload, and what is no sight of home."""

from pathlib import Path

from harness.capture.events import LineEvent, LineKind
from harness.inventory import Role
from tests.harness.decoding import T0, decoded, needs_tshark, only
from tests.harness.wire import FAILOVER, HOME, Timed, tcp

pytestmark = needs_tshark

HOME_END, FAILOVER_END = (HOME, 8443), (FAILOVER, 40000)


def record(size: int, kind: int = 23) -> bytes:
    """A TLS record that takes `size` bytes of TCP payload."""
    return bytes([kind, 3, 3]) + (size - 5).to_bytes(2) + b"\xaa" * (size - 5)


def from_home(at: float, sequence: int, payload: bytes = b"", flags: int = 0x18) -> Timed:
    return at, tcp(HOME_END, FAILOVER_END, sequence, payload, flags)


def test_keepalives_are_told_by_their_size(tmp_path: Path) -> None:
    frames = [from_home(0, 1000, record(150)), from_home(1, 1150, record(151))]
    frames += [(2, tcp(FAILOVER_END, HOME_END, 1, record(150)))]
    found = only(decoded(tmp_path, failover=frames), LineEvent)
    assert [(event.sender, event.kind, event.reached) for event in found] == [
        (Role.HOME, LineKind.KEEPALIVE, True),
        (Role.HOME, LineKind.PAYLOAD, True),
        (Role.FAILOVER, LineKind.KEEPALIVE, False),
    ]


def test_what_is_no_sight_of_home(tmp_path: Path) -> None:
    frames = [
        from_home(0, 1000, record(150)),
        from_home(1, 1000, record(150)),  # sent again
        from_home(2, 1149, b"\0", flags=0x10),  # TCP's keepalive
        from_home(3, 1150, record(31, kind=21)),  # an alert of TLS 1.2
        from_home(4, 1181, record(24)),  # an alert of TLS 1.3
        from_home(5, 1205, flags=0x11),  # FIN
        from_home(6, 1206, flags=0x04),  # reset
        from_home(7, 1206, flags=0x10),  # nothing but an acknowledgement
        (8, tcp((HOME, 5060), FAILOVER_END, 1, b"not the line")),
    ]
    found = only(decoded(tmp_path, failover=frames), LineEvent)
    assert [event.at for event in found] == [T0]


def test_a_copy_that_gets_through_late_is_no_sight(tmp_path: Path) -> None:
    home = [from_home(0, 1000, record(150)), from_home(1, 1150, record(150)), from_home(9, 1150, record(150))]
    failover = [from_home(0.001, 1000, record(150)), from_home(9.001, 1150, record(150))]
    found = only(decoded(tmp_path, home=home, failover=failover), LineEvent)
    assert [(event.at, len(event.sightings)) for event in found] == [(T0 + 0.001, 2)]


def test_a_packet_that_did_not_arrive_is_marked(tmp_path: Path) -> None:
    found = only(decoded(tmp_path, home=[from_home(0, 1000, record(150))], failover=[]), LineEvent)
    assert [event.reached for event in found] == [False]
