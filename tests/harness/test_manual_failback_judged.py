"""What is judged of phones under manual failback: on made-up recordings of one phone that stays."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from fixtures.judging import Case, current
from harness.base.stimulus import Stimulus
from harness.capture.events import Event, Outcome, RegistrationAttempt
from harness.episodes.recording import Recording
from harness.inventory import Protocol, find_bench
from harness.spec import clauses
from tests.harness.test_no_lies import CUT, FAILOVER, HOME, LOST, VISIBLE, grid, line, outcome, recording, seen
from tests.harness.test_timeline import attempt, stimulus
from tests.resilience import test_manual_failback as manual

INVENTORY = find_bench("virtual-manual").inventory
STAYS = INVENTORY.phones["phone-9641"]
OTHER = INVENTORY.phones["phone-1608"]
END, DONE = 2600.0, VISIBLE + 1700
LINE = line((10, LOST), (VISIBLE, END))


def of(extension: str, attempts: Iterable[RegistrationAttempt]) -> list[Event]:
    """By H.323."""
    return [seen(replace(each, protocol=Protocol.H323, extension=extension)) for each in attempts]


def moved(extension: str = STAYS.extension, until: float = DONE) -> list[Event]:
    """At home, then at the failover system, confirmed until then."""
    stays = (attempt(at, Outcome.CONFIRMED, FAILOVER, expires=120) for at in grid(LOST + 260, until, 60))
    first = (attempt(20, Outcome.ACCEPTED, HOME), attempt(LOST + 200, Outcome.ACCEPTED, FAILOVER, expires=120))
    return of(extension, (*first, *stays))


def beside(back: float = VISIBLE + 620) -> list[Event]:
    """The SIP phones, which move and return."""
    gone = [(20, HOME), (LOST + 200, FAILOVER), (back, HOME)]
    return [seen(attempt(at, Outcome.ACCEPTED, role, extension)) for extension in ("301", "302") for at, role in gone]


def made(events: list[Event], done: tuple[Stimulus, ...] = ()) -> Recording:
    return recording([*LINE, *events], (CUT, *done), END)


def stays(one: Recording) -> None:
    manual.test_phones_under_manual_failback_stay(one, STAYS, INVENTORY)


def rebooted(one: Recording) -> None:
    manual.test_a_phone_that_is_rebooted_goes_home(one, INVENTORY)


def logged_out(one: Recording) -> None:
    manual.test_a_phone_that_is_logged_out_goes_home(one, INVENTORY)


POWER_CYCLE = (
    stimulus("power_off", "phone-9641", DONE, DONE + 1),
    stimulus("power_on", "phone-9641", DONE + 10, DONE + 11),
)


@pytest.mark.parametrize(
    ("night", "told"),
    [
        ([*moved(), *beside()], "passed"),
        ([*moved(), *beside(), *of("303", [attempt(VISIBLE + 1400, Outcome.ACCEPTED, HOME)])], "failed"),
        # It was let in nowhere else, but its registration lapsed there.
        ([*moved(until=VISIBLE + 900), *beside()], "failed"),
        # The SIP phones beside it did not return: there was no failback.
        ([*moved(), *beside()[:3]], "not judged"),
        (beside(), "not judged"),
    ],
)
def test_a_phone_under_manual_failback(night: list[Event], told: str) -> None:
    assert outcome(stays, made(night)) == told


def test_a_phone_that_was_touched_too_early_is_not_judged() -> None:
    early = stimulus("log_out", "phone-1608", VISIBLE + 700, VISIBLE + 701)
    assert outcome(stays, made([*moved(), *beside()], (early,))) == "not judged"


@pytest.mark.parametrize(
    ("back", "told"),
    [
        ([attempt(DONE + 60, Outcome.ACCEPTED, HOME)], "passed"),
        ([attempt(DONE + 300, Outcome.ACCEPTED, HOME)], "failed"),
        ([attempt(DONE + 60, Outcome.ACCEPTED, FAILOVER)], "failed"),
        ([attempt(DONE + 50, Outcome.ACCEPTED, FAILOVER), attempt(DONE + 60, Outcome.ACCEPTED, HOME)], "failed"),
        ([], "failed"),
    ],
)
def test_a_rebooted_phone(back: list[RegistrationAttempt], told: str) -> None:
    assert outcome(rebooted, made([*moved(), *beside(), *of("303", back)], POWER_CYCLE)) == told


def test_a_logged_out_phone() -> None:
    out = (stimulus("log_out", "phone-1608", DONE, DONE + 1),)
    for role, told in ((HOME, "passed"), (FAILOVER, "failed")):
        back = of("304", [attempt(DONE + 20, Outcome.ACCEPTED, role)])
        assert outcome(logged_out, made([*moved("304"), *beside(), *back], out)) == told
    assert outcome(logged_out, made([*beside()], out)) == "not judged"
    assert outcome(logged_out, made([*moved("304"), *beside()])) == "not judged"


def test_where_nothing_is_stated_no_phone_is_to_be_done_anything_about() -> None:
    systems = INVENTORY.systems | {FAILOVER: INVENTORY.systems[FAILOVER].model_copy(update={"log_out_command": None})}
    mute = INVENTORY.model_copy(update={"systems": systems})
    with pytest.raises(pytest.skip.Exception, match="SKIPPED"):
        judged(lambda made: manual.test_a_phone_that_is_logged_out_goes_home(made, mute))


def judged(judging: Callable[[Recording], None]) -> None:
    """Within a case, as pytest has it."""
    token = current.set(Case("made up", clauses()["FB-MANUAL-LOGOUT"], ("phone-1608",), "all"))
    try:
        judging(made([*moved("304"), *beside()]))
    finally:
        current.reset(token)
