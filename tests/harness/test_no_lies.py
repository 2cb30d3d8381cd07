"""How a verdict could lie, each way tried: the specification's own tests judge recordings that are made up here.

Made up are events, stimuli and the manifest; timeline, damage, judging and the tests themselves are the real ones.
Times are bench seconds.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.judging import Case, Departure, Inconclusive, current
from fixtures.outcomes import need_readable
from harness.base.errors import HarnessFault
from harness.base.interval import Interval
from harness.base.stimulus import Stimulus
from harness.base.units import EpochSeconds, RealSeconds
from harness.capture.decoder import Decoded
from harness.capture.events import Event, LineEvent, Outcome, RegistrationAttempt, Sighting
from harness.capture.host import Sample
from harness.episodes.manifest import Captured, CaptureFile, Done, Loss, Manifest, PutBack
from harness.episodes.recording import Recording, inventory_of
from harness.episodes.writing import hashes
from harness.inventory import Protocol, Role
from harness.spec import clauses
from harness.timeline import address_served
from tests.harness.decoding import inventory
from tests.harness.test_timeline import BEGAN, attempt, epoch, keepalive, stimulus
from tests.resilience import test_failback as failback
from tests.resilience import test_failover as failover
from tests.resilience.criteria import judge_move

HOME, FAILOVER = Role.HOME, Role.FAILOVER
PHONE = inventory().phones["phone-J179"]
PROBE = "391"
LOST, VISIBLE, END = 130.0, 570.0, 1400.0
CUT = stimulus("cut", "sw-home port1", LOST + 1, LOST + 2)
REBOOT = stimulus("reboot", "home", LOST + 1, LOST + 2)
EVERYWHERE = ("home", "failover", "phones")

Judging = Callable[[Recording], None]


def seen(event: Event, *points: str) -> Event:
    """The same event, sighted at these capture points."""
    return replace(event, sightings=tuple(Sighting(point, 1, event.at) for point in points or EVERYWHERE))


def grid(low: float, high: float, step: float) -> Iterator[float]:
    """From `low` to `high`."""
    while low <= high:
        yield low
        low += step


def line(*spans: tuple[float, float]) -> list[Event]:
    """Keepalives each 30 s within these spans."""
    return [seen(keepalive(at)) for low, high in spans for at in grid(low, high, 30)]


def probe(password: str = "right") -> list[Event]:
    """Registered at home, refused each 12 s until 190 s after the loss; let in then if its password is right."""
    asked = [attempt(8, Outcome.ACCEPTED, HOME, PROBE)]
    asked += [attempt(at, Outcome.REFUSED, FAILOVER, PROBE) for at in grid(12, LOST + 189, 12)]
    if password == "right":
        asked.append(attempt(LOST + 190, Outcome.ACCEPTED, FAILOVER, PROBE))
    return [seen(each) for each in asked]


def at_home() -> list[Event]:
    """The phone registered at home before the loss."""
    return [seen(attempt(at, Outcome.CONFIRMED, HOME, expires=180)) for at in (5, 95)]


def moved(at: float = LOST + 200) -> list[Event]:
    """The phone refused, let in at `at`, and confirmed until home is visible and further on."""
    tries = [attempt(each, Outcome.REFUSED) for each in grid(LOST + 20, at - 1, 40)]
    stays = [attempt(each, Outcome.CONFIRMED, expires=180) for each in grid(at + 90, VISIBLE + 600, 90)]
    return [seen(each) for each in (*tries, attempt(at, Outcome.ACCEPTED, expires=180), *stays)]


def returned(at: float = VISIBLE + 630, outcome: Outcome = Outcome.ACCEPTED) -> list[Event]:
    """The phone let in at home again."""
    return [seen(attempt(at, outcome, HOME, expires=180))]


LINE = line((10, LOST), (VISIBLE, END))
NIGHT = [*LINE, *probe(), *at_home(), *moved(), *returned()]


def recording(
    events: Iterable[Event], stimuli: Iterable[Stimulus] = (CUT,), end: float = END, folder: Path = Path("home_lost")
) -> Recording:
    """A recording of these events, its captures without a fault."""
    captures = [captured(point, end, files=()) for point in EVERYWHERE]
    found = Recording(folder, manifest(folder.name, captures, stimuli, end))
    ordered = tuple(sorted(events, key=lambda event: event.at))
    found.__dict__["decoded"] = Decoded(ordered, (), dict.fromkeys(EVERYWHERE, 1))
    return found


def manifest(
    episode: str, captures: Iterable[Captured], stimuli: Iterable[Stimulus] = (), end: float = END
) -> Manifest:
    """What a recording says of itself."""
    done = tuple(Done(verb=each.verb, target=each.target, not_before=each.not_before, not_after=each.not_after)
                 for each in stimuli)  # fmt: skip
    return Manifest(
        bench="virtual", episode=episode, began=BEGAN, ended=epoch(end), inventory=inventory().model_dump(mode="json"),
        stimuli=done, waits=(), captures=tuple(captures), clocks=(), put_back=PutBack(clean=True), fault=None,
        versions={}, files={},
    )  # fmt: skip


def captured(point: str, end: float = END, **change: Any) -> Captured:
    """What a capture point without a fault left."""
    file = CaptureFile(name=f"{point}.pcapng", packets=1, first=BEGAN, last=epoch(end))
    made = Captured(point=point, files=(file,), packets=1, dropped=0, complete=True, began=BEGAN, ended=epoch(end))
    return made.model_copy(update=change)


def outcome(judging: Judging, made: Recording) -> str:
    """What a test of the specification says about a recording."""
    with case_of(made) as case:
        try:
            judging(made)
        except Departure:
            return "failed"
        except Inconclusive:
            return "inconclusive"
        except pytest.skip.Exception:
            return "not judged"
    return "passed" if case.verdicts else "nothing judged"


@contextmanager
def case_of(made: Recording) -> Iterator[Case]:
    """The case that a test of the specification is while it judges a recording."""
    case = Case("made up", clauses()["FO-DELAY"], ("phone-J179",), "all", recordings=[made])
    token = current.set(case)
    try:
        yield case
    finally:
        current.reset(token)


def delay(made: Recording) -> None:
    failover.test_no_phone_is_let_in_before_three_minutes(made, PHONE)


def probe_delay(made: Recording) -> None:
    failover.test_the_probe_is_not_let_in_before_three_minutes(made, Protocol.SIP)


def block(made: Recording) -> None:
    failover.test_the_failover_system_blocks_homes_phones_in_normal_operation(made, Protocol.SIP, inventory())


def allow(made: Recording) -> None:
    failover.test_each_phone_moves_by_itself_and_stays(made, PHONE, inventory())


def early(made: Recording) -> None:
    failback.test_no_phone_returns_before_ten_minutes(made, PHONE)


def returns(made: Recording) -> None:
    failback.test_each_idle_phone_returns(made, PHONE, inventory())


ALL: tuple[Judging, ...] = (delay, probe_delay, block, allow, early, returns)


def told(events: Iterable[Event], *judgings: Judging, **more: Any) -> list[str]:
    """The outcomes of several tests."""
    made = recording(events, **more)
    return [outcome(judging, made) for judging in judgings]


def test_an_honest_night_passes() -> None:
    assert told(NIGHT, *ALL) == ["passed"] * len(ALL)


# What must show


def test_a_phone_that_never_tried() -> None:
    alive = [seen(attempt(at, Outcome.UNHEARD, HOME), "phones") for at in grid(LOST + 20, VISIBLE, 40)]
    night = [*LINE, *probe(), *at_home(), *alive]
    assert told(night, delay, allow, early, returns) == ["not judged", "failed", "not judged", "not judged"]


def test_a_probe_with_a_wrong_password() -> None:
    night = [*LINE, *probe("wrong"), *at_home(), *moved(), *returned()]
    assert told(night, block, probe_delay) == ["not judged", "not judged"]


def test_a_unit_that_answers_nothing_to_anyone() -> None:
    def silent(event: Event) -> Event:
        deaf = isinstance(event, RegistrationAttempt) and event.role is FAILOVER
        return replace(event, outcome=Outcome.UNHEARD) if deaf else event  # type: ignore[call-arg]

    night = [silent(event) for event in NIGHT]
    assert told(night, block, delay, probe_delay, allow) == ["not judged", "not judged", "not judged", "failed"]


@pytest.mark.parametrize("dead", [EVERYWHERE, ("failover",), ("phones",)], ids="+".join)
def test_a_capture_without_packets(dead: tuple[str, ...]) -> None:
    def left(event: Event) -> Event:
        sightings = tuple(each for each in event.sightings if each.point not in dead)
        if isinstance(event, LineEvent) and "failover" in dead:
            return replace(event, sightings=sightings, reached=False)
        return replace(event, sightings=sightings)

    made = recording([each for each in map(left, NIGHT) if each.sightings])
    assert any("shows nothing of the bench" in reason for reason in made.damage)
    assert outcome(delay, made) in ("inconclusive", "not judged")
    if "failover" in dead:
        with pytest.raises(HarnessFault, match="shows nothing of the bench"):
            outcome(allow, made)
    assert outcome(allow_repowered, made) in ("inconclusive", "not judged")


def allow_repowered(made: Recording) -> None:
    """As tests of a re-powered phone judge: without a look at the line."""
    from fixtures.judging import at_most, judge

    judge(address_served(made.timeline, PHONE.mac, FAILOVER, Interval.at(LOST)), at_most(200))


def test_a_test_that_judges_nothing() -> None:
    # That this is a fault of the harness in a run: test_outcomes.
    assert told(NIGHT, lambda _: None) == ["nothing judged"]


# Passes without ground


@pytest.mark.parametrize(("left_until", "told"), [(LOST + 280, "not judged"), (LOST + 300, "passed")])
def test_that_a_phone_stays_is_not_read_from_what_it_did_later(left_until: float, told: str) -> None:
    # Let in 200 s after the loss, it is confirmed 90 s later for the first time.
    until = Interval.at(left_until)
    made = recording(NIGHT)
    assert outcome(lambda one: judge_move(one, PHONE, one.inventory, stays_until=until), made) == told


def test_an_early_return_that_looks_like_a_refresh_fails() -> None:
    # Home kept the phone's binding over the outage, so its REGISTER renews that.
    night = [*LINE, *probe(), *at_home(), *moved(), *returned(VISIBLE + 100, Outcome.CONFIRMED), *returned()]
    assert told(night, early) == ["failed"]


def test_an_early_admission_by_old_credentials_fails() -> None:
    night = [*LINE, *probe(), *at_home(), seen(attempt(LOST + 60, Outcome.CONFIRMED, expires=180)), *moved()]
    assert told(night, delay) == ["failed"]


def test_a_phone_let_in_in_normal_operation_fails() -> None:
    night = [*NIGHT, seen(attempt(60, Outcome.ACCEPTED))]
    assert told(night, block) == ["failed"]
    stays = [event for event in NIGHT if event not in at_home()] + at_home()[:1] + [seen(attempt(60, Outcome.ACCEPTED))]
    assert told(stays, block) == ["failed"]


@pytest.mark.parametrize("gap", [(40, 115), (VISIBLE + 60, VISIBLE + 300)], ids=["before", "after"])
def test_a_line_that_broke_by_itself_leaves_nothing_judged(gap: tuple[float, float]) -> None:
    def broken(event: Event) -> bool:
        return isinstance(event, LineEvent) and epoch(gap[0]) < event.at < epoch(gap[1])

    outcomes = told([event for event in NIGHT if not broken(event)], *ALL)
    assert set(outcomes) <= {"inconclusive", "not judged"}


def test_a_short_outage_needs_an_attempt_while_home_was_away() -> None:
    back = [
        seen(attempt(at, Outcome.ACCEPTED, HOME, phone.extension)) for phone in inventory().phones.values()
        for at in (9, LOST + 160)
    ]  # fmt: skip
    first = [*line((10, LOST), (LOST + 150, END)), *back, *probe("wrong")[:5]]
    later = seen(attempt(LOST + 30, Outcome.REFUSED, FAILOVER, PROBE))
    stranger = seen(attempt(LOST + 30, Outcome.REFUSED, FAILOVER, "999"))
    made = {"stimuli": (REBOOT,)}
    assert told([*first, later], short, **made) == ["passed"]
    assert told(first, short, **made) == ["not judged"]
    assert told([*first, stranger], short, **made) == ["not judged"]
    assert told([event for event in [*first, later] if event.at < epoch(330)], short, end=330, **made) == ["not judged"]
    let_in = seen(attempt(LOST + 100, Outcome.CONFIRMED))
    assert told([*first, later, let_in], short, **made) == ["failed"]


def short(made: Recording) -> None:
    failover.test_a_short_outage_invokes_nothing(made, inventory())


# Failures without ground


def test_a_phone_of_which_nothing_is_seen_is_not_due() -> None:
    assert told([*LINE, *probe()], allow, early, returns) == ["not judged"] * 3
    assert told([*LINE, *probe(), *at_home()], allow, early, returns) == ["not judged"] * 3


def test_a_phone_without_a_way_to_the_failover_system_is_not_due() -> None:
    tries = [attempt(at, Outcome.UNHEARD) for at in grid(LOST + 20, VISIBLE, 40)]
    stuck = [*LINE, *probe(), *at_home(), *(seen(each, "phones") for each in tries)]
    assert told(stuck, allow) == ["not judged"]
    refused = [*LINE, *probe(), *at_home(), *(seen(replace(each, outcome=Outcome.REFUSED)) for each in tries)]
    assert told(refused, allow) == ["failed"]


def test_a_phone_that_stayed_at_home_need_not_return() -> None:
    stays = [seen(attempt(at, Outcome.CONFIRMED, HOME, expires=180)) for at in grid(185, END, 90)]
    assert told([*LINE, *probe(), *at_home(), *stays], early, returns) == ["not judged", "not judged"]


# Evidence that is damaged where it matters, and where it does not


def damaged(change: dict[str, Any], point: str = "failover", **host: Any) -> Recording:
    """An honest night in which one capture point has a fault."""
    made = recording(NIGHT)
    captures = [each.model_copy(update=change) if each.point == point else each for each in made.manifest.captures]
    found = Recording(made.folder, made.manifest.model_copy(update={"captures": tuple(captures)}))
    found.__dict__.update(decoded=made.decoded, **host)
    return found


def loss(low: float, high: float) -> dict[str, Any]:
    return {"dropped": 3, "losses": (Loss(low=epoch(low), high=epoch(high), packets=3),)}


def test_packets_dropped_within_a_window_make_it_inconclusive_and_no_other() -> None:
    before_the_move, while_away = damaged(loss(LOST + 50, LOST + 51)), damaged(loss(VISIBLE + 300, VISIBLE + 301))
    assert [outcome(judging, before_the_move) for judging in (delay, allow, early)] == [
        "inconclusive", "inconclusive", "passed",
    ]  # fmt: skip
    assert [outcome(judging, while_away) for judging in (delay, early, returns)] == [
        "passed", "inconclusive", "inconclusive",
    ]  # fmt: skip


def test_drops_that_nobody_can_place_touch_everything() -> None:
    assert [outcome(judging, damaged({"dropped": -1})) for judging in ALL] == ["inconclusive"] * len(ALL)


def test_a_capture_that_began_after_the_stimulus_or_ended_before_the_window_did_is_not_green() -> None:
    late, short_one = damaged({"began": epoch(LOST + 10)}), damaged({"ended": epoch(LOST + 100)})
    assert outcome(delay, late) == outcome(delay, short_one) == "inconclusive"
    assert outcome(early, late) == "passed"


def test_a_capture_without_its_end_counts_until_its_last_packet() -> None:
    cut_off = damaged({"complete": False, "fault": "its interface went away"})
    cut_off.__dict__["decoded"] = replace(cut_off.decoded, last_seen={"failover": EpochSeconds(epoch(VISIBLE + 10))})
    assert [outcome(judging, cut_off) for judging in (delay, early)] == ["passed", "inconclusive"]
    assert any("its interface went away" in reason for reason in cut_off.damage)


def test_a_clock_step_within_a_window() -> None:
    def sample(at: float, ahead: float, lag: float = 0.001) -> Sample:
        return Sample(EpochSeconds(epoch(at) + ahead), epoch(at), RealSeconds(lag))

    stepped = damaged({}, _host=(sample(0, 0), sample(VISIBLE + 300, 0), sample(VISIBLE + 330, 0.2), sample(END, 0.2)))
    assert [outcome(judging, stepped) for judging in (delay, early)] == ["passed", "inconclusive"]
    late = damaged({}, _host=(sample(0, 0), sample(LOST + 60, 0), sample(LOST + 90, 0, lag=0.4), sample(END, 0)))
    assert [outcome(judging, late) for judging in (delay, early)] == ["inconclusive", "passed"]


def test_a_step_ahead_is_told_as_what_it_is_and_not_as_an_outage_of_the_line() -> None:
    at, ahead = VISIBLE + 315, 3.0

    def stepped(instant: float) -> EpochSeconds:
        return EpochSeconds(instant + ahead if instant >= epoch(at) else instant)

    made = recording([replace(event, at=stepped(event.at)) for event in NIGHT], end=END + 90)
    assert any("home was not seen on the line" in reason for reason in made.damage)
    told = recording([replace(event, at=stepped(event.at)) for event in NIGHT], end=END + 90)
    told.__dict__["_host"] = tuple(
        Sample(stepped(epoch(each)), epoch(each), RealSeconds(0.001)) for each in (0, at - 15, at + 15, END)
    )
    assert told.damage == ("the clock was stepped by 3.000 s meanwhile",)
    assert [outcome(judging, told) for judging in (delay, early)] == ["passed", "inconclusive"]


def test_a_real_outage_of_the_line_is_none_of_the_clock() -> None:
    made = recording([*line((10, LOST), (VISIBLE, VISIBLE + 200), (VISIBLE + 500, END)), *NIGHT[len(LINE) :]])
    made.__dict__["_host"] = tuple(
        Sample(EpochSeconds(epoch(each) + (1.0 if each > VISIBLE + 300 else 0)), epoch(each), RealSeconds(0.001))
        for each in (0, VISIBLE + 300, VISIBLE + 301, END)
    )
    assert any("home was not seen on the line" in reason for reason in made.damage)


def test_the_hosts_lag_never_makes_a_failure() -> None:
    night = [*LINE, *probe(), *at_home(), *moved(), *returned(VISIBLE + 100)]
    made = recording(night)
    assert outcome(early, made) == "failed"
    made.__dict__["_host"] = (
        Sample(EpochSeconds(epoch(VISIBLE)), epoch(VISIBLE), RealSeconds(0.0)),
        Sample(EpochSeconds(epoch(VISIBLE + 30)), epoch(VISIBLE + 30), RealSeconds(1.0)),
    )
    assert outcome(early, made) == "inconclusive"


def test_encrypted_registrations_without_keys_are_not_judged() -> None:
    made = recording(NIGHT)
    assert made.unreadable(PHONE) == ""
    for transport in ("tls", "wss"):
        assert "no key" in made.unreadable(PHONE.model_copy(update={"transport": transport}))


@pytest.mark.parametrize(("keys", "told"), [(None, "SKIPPED FO-DELAY: no key"), (Path("keys"), "NOT JUDGED")])
def test_a_bench_without_keys_cannot_judge_and_a_recording_without_them_is_not_judged(
    keys: Path | None, told: str
) -> None:
    bench = inventory()
    phones = {"phone-J179": PHONE.model_copy(update={"transport": "tls"})}
    captures = {name: point.model_copy(update={"keys": keys}) for name, point in bench.captures.items()}
    with case_of(recording(NIGHT)) as case, pytest.raises(pytest.skip.Exception, match=told):
        need_readable(case, bench.model_copy(update={"phones": phones, "captures": captures}))


# Recordings that are not what they seem


def on_disk(folder: Path, episode: str, **change: Any) -> Path:
    """A recording whose files are there and empty."""
    folder.mkdir(parents=True)
    for point in EVERYWHERE:
        (folder / f"{point}.pcapng").write_bytes(b"")
    made = manifest(episode, [captured(point) for point in EVERYWHERE])
    made.model_copy(update={"files": hashes(folder), **change}).write(folder)
    return folder


def test_a_recording_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    assert Recording.load(on_disk(tmp_path / "home_lost", "home_lost"))
    with pytest.raises(HarnessFault, match="holds a recording of home_lost"):
        Recording.load(on_disk(tmp_path / "phone_repowered", "home_lost"))


def test_a_recording_that_lacks_a_capture_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessFault, match="lacks the capture at failover, home, phones"):
        Recording.load(on_disk(tmp_path / "home_lost", "home_lost", captures=()))


def test_cases_do_not_vanish_with_a_phone_of_one_recording(tmp_path: Path) -> None:
    fewer = inventory().model_dump(mode="json")
    del fewer["phones"]["phone-J179"]
    on_disk(tmp_path / "home_lost", "home_lost", inventory=fewer)
    on_disk(tmp_path / "phone_repowered", "phone_repowered")
    with pytest.raises(HarnessFault, match="different phones or settings"):
        inventory_of(tmp_path)
