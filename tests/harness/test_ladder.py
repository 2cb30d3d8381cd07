"""Ladders: who said what to whom, drawn from messages."""

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from harness.base.errors import ConfigurationFault
from harness.cli import app
from harness.inventory import find_bench
from harness.report.captures import Captures, captures_of
from harness.report.ladder import Arrow, Kind, Ladder, Note, Party, Tone
from harness.report.ladder_making import Wanted, ladder_of
from harness.report.ladder_names import Names
from harness.report.ladder_svg import ladder_svg
from harness.report.ladder_text import columns_for, print_ladder
from tests.harness.decoding import T0, inventory, needs_tshark
from tests.harness.recorded import record
from tests.harness.wire import FAILOVER, HOME, PHONE, ROUTER, Dialogue, Timed, dhcp, ras, udp, write

ANY = Wanted()


def captured(folder: Path, frames: Sequence[Timed], *, known: bool = False) -> Captures:
    """These frames (seconds after T0) as a capture of which nothing is known, or of the virtual bench."""
    file = write(folder / "phones.pcapng", [(T0 + at, frame) for at, frame in frames])
    return captures_of([file], inventory() if known else None)


def arrows(ladder: Ladder) -> list[tuple[str, str, str]]:
    """Who says what to whom."""
    names = [party.name for party in ladder.parties]
    return [(names[row.source], names[row.destination], row.label) for row in ladder.rows if isinstance(row, Arrow)]


def drawn(ladder: Ladder, width: int = 100) -> str:
    """As a terminal of that width shows it."""
    console = Console(width=width, record=True, file=io.StringIO())
    print_ladder(ladder, console)
    return console.export_text()


def exchange(host: str, at: float, answer: str = "200 OK", again: int = 0) -> list[Timed]:
    """A REGISTER, `again` times more each half second, and its answer after 20 ms."""
    phone = Dialogue(host=host, call_id=f"{host} {at}")
    up, down = ((host, 5060), (HOME, 5060)), ((HOME, 5060), (host, 5060))
    request = phone.register()
    asked = [(at + 0.5 * number, udp(*up, request)) for number in range(again + 1)]
    return [*asked, (at + 0.02, udp(*down, phone.answer(answer, 180)))] if answer else asked


def test_systems_and_routers_have_their_names_by_ipv6_too() -> None:
    names = Names(find_bench("virtual-ipv6").inventory)
    told = [names.of(address, 0) for address in ("10.77.1.10", "fd77:1::10", "fd77:2::10", "fd77:3::1", "fd77:3::2")]
    assert told == ["home", "home", "failover", "router phones", "fd77:3::2"]


@needs_tshark
def test_a_registration_in_order_with_its_copies_as_one(tmp_path: Path) -> None:
    ladder = ladder_of(captured(tmp_path, exchange(PHONE, 0, "", again=2)), ANY, "x")
    assert arrows(ladder) == [(PHONE, HOME, "REGISTER ×3")]
    row = ladder.rows[0]
    assert isinstance(row, Arrow)
    assert (row.at, row.detail, row.seen) == (0, "301, for 180 s", "phones 1")
    assert row.beside == "301, for 180 s, over 1.0 s"


@needs_tshark
def test_a_packet_that_was_mirrored_twice_was_sent_once(tmp_path: Path) -> None:
    frames = exchange(PHONE, 0)
    doubled = sorted([*frames, *((at + 0.001, frame) for at, frame in frames)])
    assert arrows(ladder_of(captured(tmp_path, doubled), ANY, "x")) == [(PHONE, HOME, "REGISTER"), (HOME, PHONE, "200")]


@needs_tshark
def test_a_message_that_is_passed_on_unchanged_is_a_row_each_time(tmp_path: Path) -> None:
    request = Dialogue().register()
    frames = [(0.0, udp((PHONE, 5060), (ROUTER, 5060), request)), (0.1, udp((ROUTER, 5060), (HOME, 5060), request))]
    found = arrows(ladder_of(captured(tmp_path, frames), ANY, "x"))
    assert found == [(PHONE, ROUTER, "REGISTER"), (ROUTER, HOME, "REGISTER")]


@needs_tshark
def test_a_bench_gives_names_and_an_order_of_columns(tmp_path: Path) -> None:
    client = [(0.0, udp(("0.0.0.0", 68), ("255.255.255.255", 67), dhcp(1)))]
    client += [(0.1, udp((HOME, 67), (ROUTER, 67), dhcp(5, offered=PHONE, relay=ROUTER)))]
    gatekeeper = [(5.0, udp(("10.77.3.9", 1719), (FAILOVER, 1719), ras("registrationRequest", {"terminalAlias": [
        ("dialledDigits", "303")]})))]  # fmt: skip
    ladder = ladder_of(captured(tmp_path, [*client, *exchange(PHONE, 1), *gatekeeper], known=True), ANY, "x")
    names = [party.name for party in ladder.parties]
    assert names == ["phone-J179", "phone-9641", "broadcast", "router phones", "home", "failover"]
    assert arrows(ladder) == [
        ("phone-J179", "broadcast", "DISCOVER"),
        ("home", "router phones", "ACK"),
        ("phone-J179", "home", "REGISTER"),
        ("home", "phone-J179", "200"),
        ("phone-9641", "failover", "RRQ"),
    ]


@needs_tshark
def test_seconds_and_parties_can_be_chosen(tmp_path: Path) -> None:
    captures = captured(tmp_path, [*exchange(PHONE, 0), *exchange("10.77.3.102", 5), *exchange(PHONE, 9)])
    late = ladder_of(captures, Wanted(since=4), "x")
    assert [row.at for row in late.rows] == pytest.approx([5, 5.02, 9, 9.02], abs=1e-5)
    assert len(arrows(ladder_of(captures, Wanted(until=6, parties=(PHONE,)), "x"))) == 2
    with pytest.raises(ConfigurationFault, match=r"name one of: 10\.77"):
        ladder_of(captures, Wanted(parties=("nobody",)), "x")


@needs_tshark
def test_a_storm_becomes_few_rows_and_few_columns(tmp_path: Path) -> None:
    storm = [frame for number in range(300) for frame in exchange(f"10.80.1.{number % 250}", number / 150)]
    silent = [frame for number in range(4) for frame in exchange(f"10.80.2.{number}", 0.1, "", again=1)]
    captures = captured(tmp_path, sorted([*storm, *silent]))
    ladder = ladder_of(captures, Wanted(columns=4, collapse=True), "x")
    assert [party.name for party in ladder.parties] == ["254 others", HOME]
    rows = {row.text: row for row in ladder.rows if isinstance(row, Arrow)}
    assert arrows(ladder) == [
        ("254 others", HOME, "REGISTER → 200 ×150"),
        ("254 others", HOME, "REGISTER → no answer ×4"),
        ("254 others", HOME, "REGISTER → 200 ×150"),
    ]
    assert (rows["REGISTER → no answer"].tone, rows["REGISTER → no answer"].detail) == (Tone.REFUSES, "4 sent again")
    assert any("604 messages in 3 rows" in remark for remark in ladder.remarks)
    assert len(ladder_of(captures, Wanted(collapse=None), "x").rows) == 604


@needs_tshark
def test_media_are_dotted_rows(tmp_path: Path) -> None:
    def rtp(number: int) -> bytes:
        header = bytes([0x80, 8]) + number.to_bytes(2) + bytes(4) + b"\0\0\0\1"
        return udp((PHONE, 4000), (HOME, 4002), header + bytes(160))

    ladder = ladder_of(captured(tmp_path, [(number / 50, rtp(number)) for number in range(10)]), ANY, "x")
    row = ladder.rows[0]
    assert isinstance(row, Arrow)
    assert (row.text, row.tone, row.detail) == ("RTP", Tone.MEDIA, "type 8: 10 packets in 0.18 s")
    assert "╌" in drawn(ladder)


@needs_tshark
def test_a_recording_has_names_notes_bench_seconds_and_what_did_not_arrive(tmp_path: Path) -> None:
    ladder = ladder_of(captures_of([record(tmp_path)]), ANY, "x")
    assert arrows(ladder) == [
        ("phone-J179", "home", "REGISTER"),
        ("home", "phone-J179", "200"),
        ("phone-J179", "home", "REGISTER ×2"),
        ("phone-J179", "failover", "REGISTER"),
        ("failover", "phone-J179", "200"),
    ]
    assert [row.arrived for row in ladder.rows if isinstance(row, Arrow)] == [True, True, False, True, True]
    notes = {row.text: (row.kind, round(row.at)) for row in ladder.rows if isinstance(row, Note)}
    assert notes["cut sw-home port1"] == (Kind.STIMULUS, 153)
    assert notes["line: the last packet from home"] == (Kind.LINE, 126)
    assert notes["line: home is there again"] == (Kind.LINE, 756)
    assert Kind.SILENCE in [row.kind for row in ladder.rows if isinstance(row, Note)]
    shown = drawn(ladder, 160)
    assert "REGISTER ×2" in shown
    assert "✗" in shown


TWO = Ladder(
    "a <title>", "seconds", (Party("phone"), Party("home")),
    (
        Arrow(1.0, 0, 1, "REGISTER", "301 & more", Tone.ASKS),
        Arrow(2.0, 1, 0, "403", "Forbidden", Tone.REFUSES),
        Arrow(3.0, 0, 1, "REGISTER", "", Tone.ASKS, times=7, until=9.0, arrived=False),
        Arrow(4.0, 1, 1, "OPTIONS", "to itself", Tone.ASKS),
        Note(5.0, Kind.STIMULUS, "cut sw-home port1"),
        Note(6.0, Kind.SILENCE, "30 s without a message"),
    ),
    ("a remark",),
)  # fmt: skip


def test_arrows_lead_from_one_lifeline_to_the_other() -> None:
    lines = drawn(TWO, 60).splitlines()
    assert "a <title> (seconds)" in lines[0]
    there = next(line for line in lines if "1.000" in line)
    assert there.index("│") < there.index("REGISTER") < there.index("▶│")
    back = next(line for line in lines if "2.000" in line)
    assert back.index("│◀") < back.index("403")
    assert "REGISTER ×7" in lines[4]
    assert "✗│" in lines[4]
    assert "over 6.0 s" in lines[4]
    assert "a remark" in lines[-1]


@pytest.mark.parametrize("width", [40, 80, 100, 160, 250])
@pytest.mark.parametrize("parties", [1, 2, 7, 13])
def test_no_line_is_wider_than_the_terminal(width: int, parties: int) -> None:
    shown = min(parties, columns_for(width))
    names = tuple(Party(f"a-long-name-of-party-{number}") for number in range(shown))
    row = Arrow(123456.789, 0, shown - 1, "REGISTER", "x" * 300, Tone.ASKS)
    lines = drawn(Ladder("x", "s", names, (row,) * 90), width).splitlines()
    assert max(map(len, lines)) <= width
    assert sum("a-long-na" in line for line in lines) >= 3, "the names stand above every 40 rows"


def test_labels_stand_beside_where_columns_are_narrow() -> None:
    names = tuple(Party(f"party-{number}") for number in range(7))
    row = Arrow(1.0, 5, 6, "REGISTER", "301", Tone.ASKS)
    narrow = next(line for line in drawn(Ladder("x", "s", names, (row,)), 100).splitlines() if "1.000" in line)
    assert narrow.rstrip().endswith("│ REGISTER 301") or narrow.rstrip().endswith("REGISTER 301")
    assert "─REGISTER" not in narrow


def test_the_svg_is_well_formed_and_has_every_row() -> None:
    root = ElementTree.fromstring(ladder_svg(TWO))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for word in ("a <title>", "phone", "home", "REGISTER", "403", "REGISTER ×7", "301 & more", "cut sw-home port1"):
        assert word in texts
    heads = list(root.iter("{http://www.w3.org/2000/svg}polygon"))
    assert len(heads) == 3, "one did not arrive"


def test_the_svg_survives_what_came_off_the_wire() -> None:
    row = Arrow(1.0, 0, 1, "RE\x00GISTER", "\x1b[31m<b>", Tone.ASKS)
    ElementTree.fromstring(ladder_svg(Ladder("x\x08", "s", (Party("a"), Party("b\x0b")), (row,))))


@needs_tshark
def test_a_ladder_without_a_row_is_drawn_too(tmp_path: Path) -> None:
    ladder = ladder_of(captured(tmp_path, exchange(PHONE, 0)), Wanted(since=1000), "x")
    assert "Nothing was said" in drawn(ladder)
    ElementTree.fromstring(ladder_svg(ladder))


@needs_tshark
def test_the_command_draws_and_prints(tmp_path: Path) -> None:
    file = write(tmp_path / "phones.pcapng", [(T0 + at, frame) for at, frame in exchange(PHONE, 0)])
    out = tmp_path / "out.svg"
    words = ["decode", "--ladder", str(file), "--svg", str(out)]
    assert "2 rows, 2 parties" in CliRunner().invoke(app, words).stdout
    assert "REGISTER" in out.read_text()
    printed = CliRunner().invoke(app, words[:3], env={"COLUMNS": "100"})
    assert printed.exit_code == 0
    assert "REGISTER" in printed.stdout
