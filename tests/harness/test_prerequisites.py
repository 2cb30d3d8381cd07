"""What is judged where the failover system lacks something: on made-up recordings of a phone that has to stay."""

import pytest

from harness.capture.events import Event, Outcome
from harness.episodes.recording import Recording
from harness.inventory import Role, find_bench
from tests.harness.test_no_lies import HOME, LINE, LOST, PHONE, VISIBLE, at_home, grid, moved, outcome, recording, seen
from tests.harness.test_timeline import attempt
from tests.resilience import test_prerequisites as prerequisites

OTHER_DOMAIN, NO_IPV6 = (find_bench(name).inventory for name in ("virtual-other-domain", "virtual-no-ipv6"))


def stays(made: Recording) -> None:
    prerequisites.test_sip_phones_move_only_within_one_domain(made, PHONE, OTHER_DOMAIN)


def refused(*at: float, by: Outcome = Outcome.REFUSED) -> list[Event]:
    return [seen(attempt(each, by)) for each in at]


def unheard_at_home(low: float, high: float, point: str) -> list[Event]:
    return [seen(attempt(at, Outcome.UNHEARD, HOME), point) for at in grid(low, high, 40)]


TRIED_ON = refused(*grid(LOST + 20, VISIBLE, 40))
OTHER = seen(attempt(LOST + 200, Outcome.ACCEPTED, extension="302"))
"""Another phone is let in."""


@pytest.mark.parametrize(
    ("night", "told"),
    [
        ([*at_home(), *TRIED_ON], "passed"),
        ([*at_home(), *refused(*grid(LOST + 20, VISIBLE, 40), by=Outcome.UNANSWERED)], "passed"),
        ([*at_home(), *moved()], "failed"),
        # Nobody is let in within the 3 minutes: a try then tells nothing.
        ([*at_home(), *refused(LOST + 20, LOST + 100, LOST + 170)], "not judged"),
        ([*at_home(), *refused(*grid(LOST + 20, VISIBLE, 40), by=Outcome.UNHEARD)], "not judged"),
        (at_home(), "not judged"),
        # Nothing vouches for a phone that no system ever let in.
        (TRIED_ON, "not judged"),
    ],
)
def test_a_phone_that_has_to_stay(night: list[Event], told: str) -> None:
    assert outcome(stays, recording([*LINE, OTHER, *night])) == told


def test_a_phone_that_has_to_stay_is_not_judged_where_nobody_was_let_in() -> None:
    assert outcome(stays, recording([*LINE, *at_home(), *TRIED_ON])) == "not judged"


@pytest.mark.parametrize(
    ("ip", "night", "told"),
    [
        (6, [*at_home(), *TRIED_ON], "passed"),
        (6, [*at_home(), *moved()], "failed"),
        (6, at_home(), "not judged"),
        # The others move as ever.
        (4, [*at_home(), *moved()], "passed"),
        (4, [*at_home(), *moved(LOST + 400)], "failed"),
    ],
)
def test_without_ipv6_at_the_failover_system_phones_by_it_have_to_stay(ip: int, night: list[Event], told: str) -> None:
    def judged(made: Recording) -> None:
        phone = PHONE.model_copy(update={"ip": ip})
        prerequisites.test_phones_by_ipv6_move_only_where_the_failover_system_has_it(made, phone, NO_IPV6)

    assert outcome(judged, recording([*LINE, OTHER, *night])) == told


@pytest.mark.parametrize(
    ("night", "told"),
    [
        ([*at_home(), *unheard_at_home(LOST + 20, VISIBLE, "phones")], "passed"),
        ([*at_home(), *unheard_at_home(LOST + 20, VISIBLE, "phones"), *moved()], "failed"),
        # Not when others were let in, not by itself, not known.
        ([*at_home(), *unheard_at_home(LOST + 20, LOST + 170, "phones")], "not judged"),
        ([*at_home(), *unheard_at_home(LOST + 20, VISIBLE, "failover")], "not judged"),
        (unheard_at_home(LOST + 20, VISIBLE, "phones"), "not judged"),
    ],
)
def test_where_it_has_no_address_by_ipv6_they_are_seen_to_try_at_home(night: list[Event], told: str) -> None:
    def judged(made: Recording) -> None:
        phone, failover = PHONE.model_copy(update={"ip": 6}), made.inventory.systems[Role.FAILOVER]
        without = NO_IPV6.model_copy(update={"systems": {**NO_IPV6.systems, Role.FAILOVER: failover}})
        prerequisites.test_phones_by_ipv6_move_only_where_the_failover_system_has_it(made, phone, without)

    assert outcome(judged, recording([*LINE, OTHER, *night])) == told


def test_where_no_phone_registers_by_ipv6_nobody_is_judged_by_it() -> None:
    def judged(made: Recording) -> None:
        prerequisites.test_phones_by_ipv6_move_only_where_the_failover_system_has_it(made, PHONE, made.inventory)

    assert outcome(judged, recording([*LINE, *at_home(), *moved()])) == "not judged"


def test_where_nothing_is_lacking_it_has_to_move() -> None:
    def moves(made: Recording) -> None:
        prerequisites.test_sip_phones_move_only_within_one_domain(made, PHONE, made.inventory)

    assert outcome(moves, recording([*LINE, *at_home(), *moved()])) == "passed"
    assert outcome(moves, recording([*LINE, *at_home(), *moved(LOST + 400)])) == "failed"
    back = seen(attempt(VISIBLE + 10, Outcome.CONFIRMED, HOME))
    assert outcome(moves, recording([*LINE, *at_home(), *TRIED_ON, back])) == "failed"
