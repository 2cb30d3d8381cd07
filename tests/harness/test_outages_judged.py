"""What is judged of an outage of power, of the line alone, and of a blocked path: on made-up recordings."""

from pathlib import Path

import pytest

from harness.base.stimulus import Stimulus
from harness.capture.events import Event, Outcome
from harness.episodes.recording import Recording
from harness.inventory import Protocol, Role
from tests.harness.test_no_lies import (
    CUT,
    HOME,
    LINE,
    LOST,
    NIGHT,
    PHONE,
    VISIBLE,
    at_home,
    case_of,
    grid,
    moved,
    outcome,
    probe,
    recording,
    seen,
)
from tests.harness.test_stated import stated
from tests.harness.test_timeline import attempt, stimulus
from tests.resilience import test_dhcp as dhcp
from tests.resilience import test_failover as failover

POWER = (stimulus("power_off", "home", LOST + 1, LOST + 2), stimulus("reboot", "failover", LOST + 360, LOST + 361))
POWER_FOR_LONG = (POWER[0], stimulus("reboot", "failover", VISIBLE - 10, VISIBLE - 9))
LINE_CUT = (stimulus("cut", "line", LOST + 1, LOST + 2),)
STAYS = [seen(attempt(at, Outcome.CONFIRMED, HOME, expires=180)) for at in grid(5, VISIBLE + 600, 90)]
LEAVES = [seen(attempt(at, Outcome.CONFIRMED, HOME, expires=180)) for at in grid(5, 280, 90)]


def powered_off(made: Recording) -> None:
    failover.test_nor_is_a_phone_where_home_has_lost_power(made, PHONE)


def moves(made: Recording) -> None:
    failover.test_each_phone_moves_where_home_has_lost_power(made, PHONE, made.inventory)


def stays(made: Recording) -> None:
    failover.test_a_phone_that_still_sees_home_stays_there(made, PHONE, made.inventory)


def probed(made: Recording) -> None:
    failover.test_nor_is_the_probe_where_the_line_alone_is_cut(made, Protocol.SIP)


def routed(made: Recording) -> None:
    failover.test_a_phone_that_cannot_reach_the_failover_system_stays_out_and_the_others_move(made, made.inventory)


def made_of(events: list[Event], stimuli: tuple[Stimulus, ...], name: str) -> Recording:
    return recording(events, stimuli, folder=Path(name))


@pytest.mark.parametrize(
    ("at", "told"), [(200, ["passed", "passed"]), (150, ["failed", "passed"]), (350, ["passed", "failed"])]
)
def test_home_without_power(at: float, told: list[str]) -> None:
    made = made_of([*LINE, *probe(), *at_home(), *moved(LOST + at)], POWER, "failover_rebooted")
    assert [outcome(judging, made) for judging in (powered_off, moves)] == told


def test_a_phone_has_to_stay_only_until_the_failover_system_is_restarted() -> None:
    lets_go = [
        seen(attempt(LOST + 200, Outcome.ACCEPTED, expires=180)),
        seen(attempt(LOST + 290, Outcome.CONFIRMED, expires=100)),
    ]
    assert outcome(moves, made_of([*LINE, *at_home(), *lets_go], POWER, "failover_rebooted")) == "passed"
    assert outcome(moves, made_of([*LINE, *at_home(), *lets_go], POWER_FOR_LONG, "failover_rebooted")) == "failed"


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([*probe(), *STAYS], ["passed", "passed"]),
        ([*probe(), *STAYS, seen(attempt(LOST + 250, Outcome.ACCEPTED))], ["failed", "passed"]),
        ([*probe(), *LEAVES], ["failed", "passed"]),
        # The door was never open; the probe came in too early.
        ([*probe("wrong"), *STAYS], ["not judged", "not judged"]),
        ([seen(attempt(LOST + 100, Outcome.ACCEPTED, extension="391")), *STAYS], ["passed", "failed"]),
    ],
    ids=["stays", "is let in", "lapses at home", "closed", "early"],
)
def test_only_the_line_is_cut(events: list[Event], told: list[str]) -> None:
    made = made_of([*LINE, *events], LINE_CUT, "line_cut")
    assert [outcome(judging, made) for judging in (stays, probed)] == told


def test_a_phone_beside_the_failover_system_loses_home_with_the_line() -> None:
    made, beside = made_of([*LINE, *probe(), *LEAVES], LINE_CUT, "line_cut"), stated("virtual-one-subnet")
    phones = beside.phones.values()
    (other,) = {phone.site for phone in phones} - {beside.systems[Role.FAILOVER].site}
    phone = next(phone for phone in phones if phone.site != other)
    with case_of(made), pytest.raises(pytest.skip.Exception, match="sees home no more either"):
        failover.test_a_phone_that_still_sees_home_stays_there(made, phone, beside)


def test_who_the_failover_system_does_not_serve_is_not_told_apart_by_a_number() -> None:
    made = made_of([*LINE, *at_home()], (CUT,), "phone_repowered")
    with case_of(made), pytest.raises(pytest.skip.Exception, match="that it serves"):
        dhcp.test_each_systems_phones_are_told_apart_by_a_number_of_their_own(made, stated("virtual-no-h323"))


def test_a_cut_line_stands_in_where_the_wire_shows_no_loss() -> None:
    made = made_of([], LINE_CUT, "line_cut")
    lost = made.line.last_sight_of(HOME)
    assert LOST < lost.low < lost.high < LOST + 3


def test_where_no_path_was_blocked_no_route_is_judged() -> None:
    assert outcome(routed, made_of(NIGHT, (CUT,), "paths_blocked")) == "not judged"
