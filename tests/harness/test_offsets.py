"""Capture points with a clock of their own: how it differs is found from the packets, or there is a doubt."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.units import EpochSeconds
from harness.capture.decoder import Decoded, decode
from harness.capture.events import Event, Outcome, RegistrationAttempt
from harness.capture.offsets import RATE, STAMP, ClockOffset
from harness.capture.topology import topology_of
from tests.harness.decoding import T0, inventory, needs_tshark
from tests.harness.wire import HOME, PHONE, Dialogue, Timed, udp, write

needs_editcap = pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
UP, DOWN = 0.0004, 0.0011
"""Real seconds from the phones' port to home's, and back."""
Clock = Callable[[float], float]


def traffic(seconds: float, every: float) -> tuple[list[Timed], list[Timed]]:
    """What the ports of home and of the phones show: a registration each `every` real seconds, in true time."""
    home: list[Timed] = []
    phones: list[Timed] = []
    phone = Dialogue()
    at = 0.0
    while at < seconds:
        for asked, status, expires in ((phone.register(), "401 Unauthorized", None), (b"", "200 OK", 180)):
            request = asked or phone.register(authorized=True)
            answer = phone.answer(status, expires)
            for moment, frame in (
                (at, udp((PHONE, 5060), (HOME, 5060), request)),
                (at + 0.02, udp((HOME, 5060), (PHONE, 5060), answer)),
            ):
                from_phone = frame[26:30] == udp((PHONE, 1), (HOME, 1), b"")[26:30]
                home.append((moment, frame))
                phones.append((moment - UP if from_phone else moment + DOWN, frame))
            at += 0.05
        at += every - 0.1
    return home, phones


def files(
    folder: Path, home: Sequence[Timed], phones: Sequence[Timed], clock: Clock = lambda at: at
) -> dict[str, Path]:
    """Captures of both, that of the phones by the clock there: true seconds since T0 → what it shows."""
    stamped = [(T0 + clock(at), frame) for at, frame in phones]
    return {
        "home": write(folder / "home.pcapng", [(T0 + at, frame) for at, frame in home]),
        "phones": write(folder / "phones.pcapng", stamped),
    }


def read(paths: dict[str, Path], *own_clocks: str) -> Decoded:
    """All of it, to long after its end."""
    return decode(
        {point: [path] for point, path in paths.items()},
        topology_of(inventory()),
        EpochSeconds(T0 + 10_000),
        own_clocks,
    )


def same(one: Decoded, other: Decoded, within: float) -> bool:
    """Whether both say the same, with no stamp further apart than `within`."""

    def bare(event: Event) -> Event:
        sightings = tuple(replace(seen, at=EpochSeconds(0)) for seen in sorted(event.sightings, key=str_of))
        stamps = dict.fromkeys(("asked_at", "answered_at"), EpochSeconds(0))
        return replace(event, at=EpochSeconds(0), sightings=sightings, **stamps)

    def stamps(event: Event) -> list[float]:
        assert isinstance(event, RegistrationAttempt)
        seen = [each.at for each in sorted(event.sightings, key=str_of)]
        return [event.at, event.asked_at, event.answered_at or 0.0, *seen]

    def str_of(seen: object) -> str:
        return f"{seen.point} {seen.frame:06d}"  # type: ignore[attr-defined]

    alike = [bare(event) for event in one.events] == [bare(event) for event in other.events]
    pairs = zip(one.events, other.events, strict=False)
    return alike and all(abs(a - b) <= within for x, y in pairs for a, b in zip(stamps(x), stamps(y), strict=True))


@needs_tshark
@needs_editcap
@pytest.mark.parametrize("point", ["phones", "home"])
@pytest.mark.parametrize("shift", [3.25, -3.25, 7200.0])
def test_a_file_by_a_clock_that_is_off_says_the_same(tmp_path: Path, point: str, shift: float) -> None:
    paths = files(tmp_path, *traffic(120, 4))
    before = read(paths)
    assert {event.outcome for event in before.events if isinstance(event, RegistrationAttempt)} == {
        Outcome.ACCEPTED,
        Outcome.CONFIRMED,
    }
    moved = tmp_path / "moved.pcapng"
    subprocess.run(["editcap", "-t", str(shift), str(paths[point]), str(moved)], check=True)
    after = read(paths | {point: moved}, point)
    assert after.clock_doubts == ()
    assert after.offsets.keys() == {point}
    assert (UP + DOWN) / 2 <= after.offsets[point] < 0.003
    assert same(before, after, after.offsets[point])
    assert not same(before, read(paths | {point: moved}), 1.0)  # that is what it is needed for
    assert 0 <= before.last_seen[point] - after.last_seen[point] <= 2 * after.offsets[point]  # never too late


@needs_tshark
def test_drift_is_followed_for_an_hour(tmp_path: Path) -> None:
    true = traffic(3600, 30)
    before = read(files(tmp_path, *true))
    after = read(files(tmp_path, *true, lambda at: 3.25 + at * (1 + 50e-6)), "phones")
    assert after.clock_doubts == ()
    assert after.offsets["phones"] < 0.006
    assert same(before, after, after.offsets["phones"])


@needs_tshark
@pytest.mark.parametrize("step", [2.0, -2.0, 0.02, -0.02])
def test_a_step_in_the_middle_is_a_doubt(tmp_path: Path, step: float) -> None:
    found = read(files(tmp_path, *traffic(600, 10), lambda at: 3.25 + at + (step if at > 300 else 0.0)), "phones")
    (doubt,) = found.clock_doubts
    assert doubt.point == "phones"
    assert "stepped" in doubt.text
    assert T0 + 200 < doubt.at < T0 + 310  # where the step is, and not all over


@needs_tshark
def test_traffic_in_one_direction_is_a_doubt(tmp_path: Path) -> None:
    home, phones = traffic(60, 10)
    upwards = [(at, frame) for at, frame in phones if b"REGISTER sip:" in frame]
    (doubt,) = read(files(tmp_path, home, upwards), "phones").clock_doubts
    assert doubt.text.startswith("its clock cannot be compared: of one of the two directions no packet")


@needs_tshark
def test_traffic_that_only_one_point_saw_is_a_doubt(tmp_path: Path) -> None:
    home, phones = traffic(60, 10)
    (doubt,) = read(files(tmp_path, home[:20], phones[20:]), "phones").clock_doubts
    assert doubt.text.startswith("its clock cannot be compared: of both directions no packet")


@needs_tshark
def test_no_packet_at_all_is_no_doubt_about_the_clock(tmp_path: Path) -> None:
    assert read(files(tmp_path, traffic(60, 10)[0], []), "phones").clock_doubts == ()


@needs_tshark
def test_a_copy_that_one_capture_lacks_bounds_nothing(tmp_path: Path) -> None:
    """Home's port shows both copies of a request; the capture at the phones' lost the first."""
    home, phones = traffic(60, 10)
    again = [(at - 0.5, frame) for at, frame in home if b"REGISTER sip:" in frame]
    found = read(files(tmp_path, sorted([*home, *again[6:8]]), phones, lambda at: at + 3.25), "phones")
    assert found.clock_doubts == ()
    assert found.offsets["phones"] < 0.003


@needs_tshark
def test_a_mirror_that_shows_each_packet_twice_is_no_doubt(tmp_path: Path) -> None:
    home, phones = traffic(60, 10)
    twice = sorted([*phones, *((at + 0.00002, frame) for at, frame in phones)])
    found = read(files(tmp_path, home, twice, lambda at: at + 3.25), "phones")
    assert found.clock_doubts == ()
    assert found.offsets["phones"] < 0.003


@given(
    offset=st.floats(-4000, 4000),
    drift=st.floats(-RATE, RATE),
    packets=st.lists(
        st.tuples(st.booleans(), st.floats(0, 3600), st.floats(0, 0.08), st.floats(-STAMP, STAMP)), min_size=2
    ),
    asked=st.lists(st.floats(0, 3600), min_size=1, max_size=20),
)
def test_what_is_said_holds_the_truth(
    offset: float, drift: float, packets: list[tuple[bool, float, float, float]], asked: list[float]
) -> None:
    """Whatever the ways, the times and the errors of single stamps, as long as these stay within what is assumed."""
    found = ClockOffset()
    for outwards, at, transit, error in packets:
        true = offset + drift * at
        bound = (at, true + error - transit) if outwards else (at, true + error + transit)
        (found.lows if outwards else found.highs).append(bound)
    if not found.known:
        return
    for instant in asked:
        interval = found.at(instant)
        assert interval is not None
        assert interval.low - 1e-6 <= offset + drift * instant <= interval.high + 1e-6
        assert found.widest >= interval.width / 2
