"""`bench replay`: timelines of recordings on disk, without a bench."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.base.interval import Interval
from harness.cli import app
from harness.episodes.manifest import Done
from harness.episodes.recording import Recording
from harness.report.timelines import timelines_of
from harness.report.timelines_text import shown
from tests.harness.decoding import T0, needs_tshark
from tests.harness.recorded import night, record
from tests.harness.wire import FAILOVER, PHONE, Timed, udp

pytestmark = needs_tshark


def bench(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "140"})


def sip(start: str, cseq: str, branch: str) -> bytes:
    lines = [
        start, f"Via: SIP/2.0/UDP {PHONE}:5060;branch=z9hG4bK-{branch}", "From: <sip:301@lab.example>;tag=1",
        "To: <sip:302@lab.example>;tag=2" if cseq != "1 INVITE" else "To: <sip:302@lab.example>", "Call-ID: talk",
        f"CSeq: {cseq}", "Content-Length: 0", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def rtp(number: int) -> bytes:
    return udp((PHONE, 4000), (FAILOVER, 4002), bytes([0x80, 8]) + number.to_bytes(2) + bytes(7) + b"\1" + bytes(160))


def call() -> list[Timed]:
    """From 20 s on: rings at 20.1 s and again, is answered at 21 s, ends at 30 s; media with a silence of 0.5 s."""
    out, back = ((PHONE, 5060), (FAILOVER, 5060)), ((FAILOVER, 5060), (PHONE, 5060))
    return [
        (20.0, udp(*out, sip("INVITE sip:302@lab.example SIP/2.0", "1 INVITE", "a"))),
        (20.1, udp(*back, sip("SIP/2.0 180 Ringing", "1 INVITE", "a"))),
        (20.6, udp(*back, sip("SIP/2.0 183 Session Progress", "1 INVITE", "a"))),
        (21.0, udp(*back, sip("SIP/2.0 200 OK", "1 INVITE", "a"))),
        *((22 + number / 50 + (0.48 if number >= 25 else 0), rtp(number)) for number in range(50)),
        (30.0, udp(*out, sip("BYE sip:302@lab.example SIP/2.0", "2 BYE", "b"))),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frames = night()
    return record(tmp_path, frames | {"failover": sorted([*frames["failover"], *call()])})


def test_the_facts_of_a_night(folder: Path) -> None:
    found = timelines_of(Recording.load(folder))
    phone = next(lanes for lanes in found.phones if lanes.name == "phone-J179")
    assert [phase.state for phase in phone.registration] == ["unknown", "home", "none", "failover", "none"]
    assert [round(phase.begin.middle) for phase in phone.registration] == [0, 30, 210, 360, 540]
    assert "lapsed at home" in phone.registration[2].why
    assert [(phase.state, round(phase.begin.middle)) for phase in found.line] == [("up", 0), ("down", 126), ("up", 756)]
    assert [(phase.state, round(phase.begin.low)) for phase in found.stimuli] == [("cut sw-home port1", 150)]
    (spoken,) = found.calls
    assert (spoken.caller, spoken.called, spoken.protocol) == ("301", "302", "sip")
    assert [spoken.began, spoken.ringing, spoken.answered, spoken.ended] == pytest.approx([600, 603, 630, 900], abs=0.1)
    assert spoken.reason == "released (BYE)"
    (stream,) = found.media
    assert (stream.source, stream.destination, stream.packets, stream.lost) == ("phone-J179", "failover", 50, 0)
    assert stream.longest == pytest.approx(0.5, abs=0.01)
    assert [stream.begin, stream.end] == pytest.approx([660, 703.8], abs=0.1)


def test_power_is_shown_where_it_was_switched(tmp_path: Path) -> None:
    done = (
        Done(verb="power_off", target="phone-J179", not_before=T0 + 10, not_after=T0 + 10.1),
        Done(verb="power_on", target="phone-J179", not_before=T0 + 11, not_after=T0 + 11.1),
    )
    found = timelines_of(Recording.load(record(tmp_path, stimuli=done)))
    lanes = {lanes.name: [phase.state for phase in lanes.power] for lanes in found.phones}
    assert lanes["phone-J179"] == ["unknown", "off", "on"]
    assert lanes["phone-1608"] == []
    assert found.systems == ()


def test_the_command_prints_tables_and_draws(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "night.svg"
    said = bench("replay", folder, "--svg", out)
    assert said.exit_code == 0, said.output
    rows = [line.split() for line in said.stdout.splitlines()]
    assert ["phone-J179", "(301)", "unknown", "0.0", "30.3", "30.3"] in rows
    assert ["home", "up", "0.0", "126.0", "126.0"] in rows
    assert any(row[:4] == ["301", "→", "302", "sip"] for row in rows)
    assert "released (BYE)" in said.stdout
    ElementTree.fromstring(out.read_text())
    assert "phone-J179" in out.read_text()


def test_every_recording_of_a_run_is_shown(tmp_path: Path) -> None:
    run = tmp_path / "20260101-000000-virtual" / "recordings"
    record(run)
    record(run, episode="other")
    said = bench("replay", run.parent, "--svg", tmp_path / "x.svg")
    assert "home_lost on bench virtual" in said.stdout
    assert "other on bench virtual" in said.stdout
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["x-home_lost.svg", "x-other.svg"]


def test_damage_is_told_and_no_recording_is_a_mistake(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / "capture" / "home_00001.pcapng").write_bytes(b"changed")
    said = bench("replay", folder)
    assert (said.exit_code, said.stdout) == (2, "")
    assert "changed after it was recorded" in said.stderr
    (tmp_path / "empty").mkdir()
    assert "holds no recording" in bench("replay", tmp_path / "empty").stderr


@pytest.mark.parametrize(("low", "high", "text"), [(10, 10.02, "10.0"), (10, 11, "10.5 ±0.5")])
def test_an_uncertainty_is_told_where_it_matters(low: float, high: float, text: str) -> None:
    assert shown(Interval(low, high)) == text
