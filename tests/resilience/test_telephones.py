"""Each family of telephones: it moves, not too early, and returns, not too early.

The cases of a telephone carry the clause of its family. A family that the bench lacks has one case, which says so.
A base moves and returns with each of its handsets.
"""

from collections.abc import Iterator

import pytest

from fixtures.judging import judge_none, not_judged, note
from harness.base.interval import Interval
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Role, without_resilience
from harness.timeline import acceptances
from tests.resilience.criteria import (
    judge_delay_of,
    judge_move,
    judge_no_early_return,
    judge_return,
    judge_stays,
    open_to,
)

pytestmark = pytest.mark.failover

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@pytest.mark.every_family
def test_it_moves_by_itself_and_stays_or_has_nowhere_to(
    home_lost: Recording, telephone: Phone, inventory: Inventory
) -> None:
    if not without_resilience(inventory, telephone):
        for each in with_handsets(telephone):
            judge_move(home_lost, each, inventory)
    elif telephone.resilient:
        judge_stays(home_lost, telephone, inventory)
    else:
        judge_stays_out(home_lost, telephone, inventory)


def test_it_is_not_let_in_before_three_minutes(home_lost: Recording, telephone: Phone) -> None:
    judge_delay_of(home_lost, telephone)


@pytest.mark.failback
def test_it_does_not_return_before_ten_minutes(home_lost: Recording, telephone: Phone) -> None:
    judge_no_early_return(home_lost, telephone)


@pytest.mark.failback
def test_it_returns(home_lost: Recording, telephone: Phone, inventory: Inventory) -> None:
    for each in with_handsets(telephone):
        judge_return(home_lost, each, inventory)


def with_handsets(telephone: Phone) -> Iterator[Phone]:
    """It, and each of its handsets; the notes end with the one that is not as it must be."""
    yield telephone
    for handset in telephone.as_handsets:
        note(f"handset {handset.extension}")
        yield handset


def judge_stays_out(recording: Recording, phone: Phone, inventory: Inventory) -> None:
    """It goes on looking for home alone, and is nowhere until that is back."""
    lost, visible = recording.line.last_sight_of(HOME), recording.visible
    away = Interval(lost.low, visible.high)
    own = recording.registrations(phone)
    if not any(each.is_success and each.decided.high < lost.low for each in own.at(HOME)):
        not_judged("the phone was not registered at home when that was lost")
    open_to(recording, *inventory.phones.values())  # or nobody can stay out
    judge_none(
        acceptances(own.at(FAILOVER)),
        # By TCP and TLS its later tries are connections that nobody answers.
        occasions=own.at(HOME).between(Interval(lost.high, visible.low)),
        occasion="a try at home while that was lost",
        marks=[(lost, "lost"), (visible, "visible")],
        window=(away.low, away.high),
    )
