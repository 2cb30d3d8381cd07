"""What is judged where the failover system lacks something: on made-up recordings of a phone that has to stay."""

import pytest

from harness.capture.events import Event, Outcome
from harness.episodes.recording import Recording
from harness.inventory import find_bench
from tests.harness.test_no_lies import HOME, LINE, LOST, PHONE, VISIBLE, at_home, grid, moved, outcome, recording, seen
from tests.harness.test_timeline import attempt
from tests.resilience import test_prerequisites as prerequisites

OTHER_DOMAIN = find_bench("virtual-other-domain").inventory


def stays(made: Recording) -> None:
    prerequisites.test_sip_phones_move_only_within_one_domain(made, PHONE, OTHER_DOMAIN)


def refused(*at: float, by: Outcome = Outcome.REFUSED) -> list[Event]:
    return [seen(attempt(each, by)) for each in at]


TRIED_ON = refused(*grid(LOST + 20, VISIBLE, 40))


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
    assert outcome(stays, recording([*LINE, *night])) == told


def test_where_nothing_is_lacking_it_has_to_move() -> None:
    def moves(made: Recording) -> None:
        prerequisites.test_sip_phones_move_only_within_one_domain(made, PHONE, made.inventory)

    assert outcome(moves, recording([*LINE, *at_home(), *moved()])) == "passed"
    assert outcome(moves, recording([*LINE, *at_home(), *moved(LOST + 400)])) == "failed"
    back = seen(attempt(VISIBLE + 10, Outcome.CONFIRMED, HOME))
    assert outcome(moves, recording([*LINE, *at_home(), *TRIED_ON, back])) == "failed"
