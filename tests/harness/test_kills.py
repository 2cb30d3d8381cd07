"""The benchmark of killed runs: what it takes for a departure, and that its rounds are the same for a seed."""

from dataclasses import replace

from benchmarks.kills_eyes import Sight
from benchmarks.kills_rounds import Mode, Plan

BEFORE = Sight({"home": True}, {"sw port1": True, "sw port2": False}, {"pdu 1": True}, frozenset({"home 301"}))


def test_every_kind_of_departure_is_told() -> None:
    now = Sight({"home": False}, {"sw port1": True, "sw port2": True}, {"pdu 1": False}, frozenset({"failover 391"}))
    assert now.departures(BEFORE) == [
        "link home is off",
        "port sw port2 is on",
        "outlet pdu 1 is off",
        "failover 391 is registered",
    ]
    assert BEFORE.departures(BEFORE) == []


def test_a_registration_that_lapsed_meanwhile_is_nobodys_fault() -> None:
    assert replace(BEFORE, registered=frozenset()).departures(BEFORE) == []


def test_a_round_is_the_same_for_its_seed_and_no_other() -> None:
    one, again, other = (Plan.of(seed, Mode.BOTH, 3) for seed in (1, 1, 2))
    assert one == again
    assert one.instants != other.instants
    assert len({Plan.of(1, mode, 3).instants for mode in Mode}) == len(Mode)


def test_in_half_of_the_rounds_it_is_the_watchdog_whose_recovery_is_killed() -> None:
    assert sum(Plan.of(1, Mode.RECOVERY, number).watchdog_recovers for number in range(20)) == 10
