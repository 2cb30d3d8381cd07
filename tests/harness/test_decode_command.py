"""`bench decode`: any capture as a table, as JSON lines, as CSV."""

import csv
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.base.errors import ConfigurationFault
from harness.cli import app
from harness.report.captures import captures_of, points_of
from harness.report.ladder import printable
from tests.harness.decoding import T0, needs_tshark
from tests.harness.recorded import record
from tests.harness.wire import HOME, MAC, PHONE, Dialogue, dhcp, udp, write

pytestmark = needs_tshark
ENDS, BACK = ((PHONE, 5060), (HOME, 5060)), ((HOME, 5060), (PHONE, 5060))


def bench(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})


def registered(path: Path, answer: str = "200 OK") -> Path:
    """A challenge at 0 s, the last request twice at 1 s, the answer at 1.6 s, and a malformed packet at 3 s."""
    phone = Dialogue()
    first, challenge = phone.register(), phone.answer("401 Unauthorized")
    again, accepted = phone.register(authorized=True), phone.answer(answer, 180)
    frames = [
        (T0, udp(*ENDS, first)), (T0 + 0.1, udp(*BACK, challenge)), (T0 + 1, udp(*ENDS, again)),
        (T0 + 1.5, udp(*ENDS, again)), (T0 + 1.6, udp(*BACK, accepted)), (T0 + 3, udp((PHONE, 68), (HOME, 67), b"\1")),
    ]  # fmt: skip
    return write(path, frames)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return registered(tmp_path / "phone.pcapng")


def test_the_table_tells_the_registration_and_counts_messages(capture: Path) -> None:
    said = bench("decode", capture)
    assert said.exit_code == 0
    assert "sip 301: accepted (200 OK), for 180 s" in said.stdout
    rows = [line.split() for line in said.stdout.splitlines()]
    assert ["SIP", "REGISTER", "2", "3"] in rows
    assert ["401", "to", "REGISTER", "1", "1"] in rows
    assert ["200", "to", "REGISTER", "1", "1"] in rows
    assert "phone.pcapng: 6 packets" in said.stdout
    assert "SIP: 4 messages, 5 with every copy" in said.stdout
    assert "findings: 1" in said.stdout


def test_json_lines_are_alone_on_standard_output(capture: Path) -> None:
    said = bench("decode", capture, "--format", "jsonl")
    found = [json.loads(line) for line in said.stdout.splitlines()]
    assert [entry["what"] for entry in found] == ["registration", "finding"]
    assert found[0]["sightings"][0][:2] == ["phone", 1]
    assert "6 packets" in said.stderr


def test_csv_has_a_header_and_the_seconds_since_the_first_packet(capture: Path) -> None:
    said = bench("decode", capture, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said.stdout)))
    assert [(row["kind"], row["seconds"], row["from"]) for row in rows] == [
        ("registration", "1.600000", PHONE),
        ("finding", "3.000000", ""),
    ]


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (("--only", "finding"), ["finding"]),
        (("--since", "2"), ["finding"]),
        (("--until", "2"), ["registration"]),
        (("--since", "1.7", "--until", "2.9"), []),
    ],
)
def test_kinds_and_seconds_can_be_chosen(capture: Path, words: tuple[str, ...], kinds: list[str]) -> None:
    said = bench("decode", capture, "--format", "csv", *words)
    assert [row["kind"] for row in csv.DictReader(io.StringIO(said.stdout))] == kinds


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is no capture"), (b"hello, this is a text of some length", "is no capture"), (None, "there is no file")],
)
def test_what_is_no_capture_is_said_in_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "text.pcap"
    if content is not None:
        file.write_bytes(content)
    said = bench("decode", file)
    assert (said.exit_code, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert words in said.stderr


def test_a_packed_capture_is_to_be_unpacked(capture: Path, tmp_path: Path) -> None:
    packed = tmp_path / "phone.pcapng.gz"
    packed.write_bytes(gzip.compress(capture.read_bytes()))
    assert "gunzip" in bench("decode", packed).stderr


def test_a_key_log_that_is_not_there_is_said(capture: Path, tmp_path: Path) -> None:
    said = bench("decode", capture, "--keys", tmp_path / "keys.txt")
    assert said.exit_code == 2
    assert "no key log" in said.stderr


def test_ring_files_are_one_point_counted_through(tmp_path: Path) -> None:
    phone = Dialogue()
    first = write(tmp_path / "home_00001.pcapng", [(T0, udp(*ENDS, phone.register()))])
    second = write(tmp_path / "home_00002.pcapng", [(T0 + 0.1, udp(*BACK, phone.answer("200 OK", 180)))])
    other = write(tmp_path / "phones.pcapng", [])
    assert points_of([second, other, first]) == {"home": [first, second], "phones": [other]}
    said = bench("decode", second, first, "--format", "jsonl")
    assert json.loads(said.stdout)["outcome"] == "accepted"
    assert [seen[:2] for seen in json.loads(said.stdout)["sightings"]] == [["home", 1], ["home", 2]]


def test_files_of_one_name_in_two_folders_are_two_points(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "x.pcap", tmp_path / "b" / "x.pcap"
    assert points_of([one, two, one]) == {str(one.with_suffix("")): [one], str(two.with_suffix("")): [two]}


def test_a_bench_gives_names(capture: Path) -> None:
    said = bench("decode", capture, "--bench", "virtual")
    row = next(line.split() for line in said.stdout.splitlines() if "accepted" in line)
    assert row[1:4] == ["registration", "phone-J179", "home"]


def test_what_came_off_the_wire_does_not_steer_the_terminal(tmp_path: Path) -> None:
    said = bench("decode", registered(tmp_path / "evil.pcapng", "200 O\x1b[31mK [bold]!"))
    assert "accepted" in said.stdout
    assert "\x1b" not in said.stdout
    assert "[bold]!" in said.stdout
    assert printable("a\x1b[2Jb\x00\n") == "a�[2Jb��"


def test_a_dhcp_message_tells_client_and_server(tmp_path: Path) -> None:
    frames = [(T0, udp(("0.0.0.0", 68), ("255.255.255.255", 67), dhcp(1)))]
    said = bench("decode", write(tmp_path / "dhcp.pcapng", frames), "--format", "csv")
    row = next(csv.DictReader(io.StringIO(said.stdout)))
    assert (row["kind"], row["from"], row["to"], row["text"]) == ("dhcp", MAC, "any server", "DISCOVER")


def test_a_recording_tells_its_bench_and_shows_bench_seconds(tmp_path: Path) -> None:
    said = bench("decode", record(tmp_path), "--format", "csv", "--only", "registration", "--until", "100")
    row = next(csv.DictReader(io.StringIO(said.stdout)))
    assert (row["to"], row["seconds"]) == ("home", "30.300000")


def test_a_recording_takes_no_bench_and_a_folder_of_several_is_not_one(tmp_path: Path) -> None:
    folder = record(tmp_path)
    with pytest.raises(ConfigurationFault, match="tells its files, bench and keys itself"):
        captures_of([folder, folder])
    with pytest.raises(ConfigurationFault, match=r"name one of: .*home_lost"):
        captures_of([tmp_path])


@pytest.mark.parametrize("words", [("--party", "x"), ("--svg", "x.svg"), ("--ladder", "--format", "csv")])
def test_options_that_do_not_go_together_are_refused(capture: Path, words: tuple[str, ...]) -> None:
    assert bench("decode", capture, *words).exit_code == 2


def test_a_reader_that_has_seen_enough_is_no_fault(capture: Path) -> None:
    command = [sys.executable, "-m", "harness.cli", "decode", str(capture), "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as decoding:
        assert decoding.stdout is not None
        assert decoding.stderr is not None
        decoding.stdout.close()
        said = decoding.stderr.read()
    assert "harness:" not in said
    assert "Traceback" not in said
