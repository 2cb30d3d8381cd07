"""What the tests of softphones, and of phones that do not know the failover system, say about made-up recordings."""

import pytest

from harness.capture.events import Event, Outcome
from harness.episodes.recording import Recording
from harness.inventory import Role, find_bench
from tests.harness.test_no_lies import FAILOVER, HOME, LINE, LOST, PHONE, VISIBLE, grid, line, outcome, recording, seen
from tests.harness.test_timeline import attempt
from tests.resilience import test_softphones as softphones
from tests.resilience import test_telephones as telephones
from tests.resilience.criteria import judge_move
from tests.resilience.test_telephones import judge_stays_out

BENCH = find_bench("virtual-all").inventory
SOFT, ALONE = BENCH.phones["phone-Workplace-1"], BENCH.phones["phone-B179-alone"]
BASE = BENCH.phones["base-DECT"]
END = 2600.0


def asks(at: float, answer: Outcome, role: Role = FAILOVER, extension: str = SOFT.extension) -> Event:
    return seen(attempt(at, answer, role, extension, expires=180))


def softphone(let_in: float | None, tries_until: float = LOST + 1000) -> list[Event]:
    """At home before the loss, then refused each 70 s until it is let in."""
    until = let_in or tries_until
    refused = [asks(at, Outcome.REFUSED) for at in grid(LOST + 100, until - 1, 70)]
    return [asks(95, Outcome.CONFIRMED, HOME), *refused, *([asks(let_in, Outcome.ACCEPTED)] if let_in else [])]


def physical(let_in: float) -> list[Event]:
    return [seen(attempt(95, Outcome.CONFIRMED, HOME)), seen(attempt(let_in, Outcome.ACCEPTED, expires=180))]


KNOWN = asks(95, Outcome.CONFIRMED, HOME, ALONE.extension)
OTHER = asks(LOST + 200, Outcome.ACCEPTED, extension="302")
"""Another phone is let in."""


def alone(made: Recording) -> None:
    softphones.test_softphones_alone_do_not_invoke_failover(made, SOFT, BENCH)


def after(made: Recording) -> None:
    softphones.test_a_softphone_moves_only_once_a_physical_phone_has(made, SOFT, BENCH)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (softphone(LOST + 800) + physical(LOST + 760), ["passed", "passed"]),
        (softphone(LOST + 400) + physical(LOST + 760), ["failed", "failed"]),
        (softphone(LOST + 700) + physical(LOST + 760), ["passed", "failed"]),
        (softphone(LOST + 700), ["passed", "failed"]),
        (softphone(None) + physical(LOST + 760), ["not judged", "not judged"]),
        (softphone(None), ["not judged", "not judged"]),
        (softphone(LOST + 800) + physical(LOST + 500), ["not judged", "passed"]),
        ([asks(95, Outcome.CONFIRMED, HOME), asks(LOST + 800, Outcome.ACCEPTED), *physical(LOST + 760)],
         ["not judged", "not judged"]),
    ],
    ids=["honest", "alone", "before the physical one", "without a physical one", "never let in", "alone for ever",
         "not alone", "never tried before"],
)  # fmt: skip
def test_softphones(events: list[Event], told: list[str]) -> None:
    made = recording([*line((10, LOST), (LOST + 1200, END)), *events], end=END)
    assert [outcome(judging, made) for judging in (alone, after)] == told


@pytest.mark.parametrize(
    ("first", "follows", "told"),
    [(300, 410, "passed"), (300, 430, "failed"), (200, 325, "passed"), (200, 340, "failed"), (None, 200, "not judged")],
)
def test_a_softphone_has_until_it_can_have_followed_the_first_physical_phone(
    first: float | None, follows: float, told: str
) -> None:
    confirmed = [asks(at, Outcome.CONFIRMED) for at in grid(LOST + follows + 20, VISIBLE + 100, 90)]
    night = [*LINE, *softphone(LOST + follows), *confirmed, *(physical(LOST + first) if first else [])]
    made = recording(night)
    assert outcome(lambda one: judge_move(one, SOFT, BENCH), made) == told


@pytest.mark.parametrize(
    ("role", "answer", "besides", "told"),
    [
        (HOME, Outcome.UNHEARD, [KNOWN, OTHER], "passed"),
        (FAILOVER, Outcome.REFUSED, [KNOWN, OTHER], "not judged"),
        (FAILOVER, Outcome.ACCEPTED, [KNOWN, OTHER], "failed"),
        # Nobody else was let in; it was not at home.
        (HOME, Outcome.UNHEARD, [KNOWN], "not judged"),
        (HOME, Outcome.UNHEARD, [OTHER], "not judged"),
    ],
)
def test_a_phone_that_does_not_know_the_failover_system_stays_out(
    role: Role, answer: Outcome, besides: list[Event], told: str
) -> None:
    night = [asks(at, answer, role, ALONE.extension) for at in grid(LOST + 20, VISIBLE - 10, 40)]
    made = recording([*LINE, *besides, *night])
    assert outcome(lambda one: judge_stays_out(one, ALONE, BENCH), made) == told


@pytest.mark.parametrize(
    ("role", "answer", "told"),
    [
        (FAILOVER, Outcome.REFUSED, "passed"),
        (FAILOVER, Outcome.ACCEPTED, "failed"),
        (HOME, Outcome.UNHEARD, "not judged"),
    ],
)
def test_a_client_whose_portal_has_no_resilience_stays_out_though_it_tries(
    role: Role, answer: Outcome, told: str
) -> None:
    bench = find_bench("virtual-no-portal").inventory
    client = bench.phones["phone-WebRTC"]
    night = [asks(at, answer, role, client.extension) for at in grid(LOST + 20, VISIBLE - 10, 40)]
    made = recording([*LINE, OTHER, asks(95, Outcome.ACCEPTED, HOME, client.extension), *night])
    judging = telephones.test_it_moves_by_itself_and_stays_or_has_nowhere_to
    assert outcome(lambda one: judging(one, client, bench), made) == told


def test_a_phone_that_does_not_know_the_failover_system_is_judged_by_nothing_else() -> None:
    made = recording(LINE)
    stays = PHONE.model_copy(update={"resilient": False})
    assert outcome(lambda one: judge_move(one, stays, BENCH), made) == "not judged"


def carried(extension: str, *, moves: bool = True, returns: bool = True) -> list[Event]:
    """At home, refused until it is let in where the base is, and back at home."""
    events = [asks(95, Outcome.CONFIRMED, HOME, extension), asks(LOST + 100, Outcome.REFUSED, FAILOVER, extension)]
    if moves:
        events += [asks(LOST + 220, Outcome.ACCEPTED, FAILOVER, extension)]
        events += [asks(at, Outcome.CONFIRMED, FAILOVER, extension) for at in grid(LOST + 250, VISIBLE + 600, 30)]
    return [*events, *([asks(VISIBLE + 620, Outcome.ACCEPTED, HOME, extension)] if returns else [])]


@pytest.mark.parametrize(
    ("last", "moves", "returns"),
    [
        ({}, "passed", "passed"),
        ({"moves": False}, "failed", "not judged"),
        ({"returns": False}, "passed", "failed"),
    ],
    ids=["all", "one handset is not let in", "one handset does not return"],
)
def test_a_base_is_judged_with_each_of_its_handsets(last: dict[str, bool], moves: str, returns: str) -> None:
    handsets = [event for extension in BASE.handsets[:-1] for event in carried(extension)]
    made = recording([*LINE, *carried(BASE.extension), *handsets, *carried(BASE.handsets[-1], **last)])
    moving = telephones.test_it_moves_by_itself_and_stays_or_has_nowhere_to
    assert outcome(lambda one: moving(one, BASE, BENCH), made) == moves
    assert outcome(lambda one: telephones.test_it_returns(one, BASE, BENCH), made) == returns
