"""How long episodes must last, by hand, for the phones of the virtual bench.

Its slowest phone refreshes each 90 s and tries again each 90 s, boots in 60 s; units boot in 150 s; home counts as
lost after 180 s and one keepalive of 30 s.
"""

import pytest

from harness.episodes.episode import library
from harness.inventory import find_bench
from tests.harness.decoding import inventory

BY_HAND = {
    # at home 90, lost for 180, tried again 90, confirmed 90, visible for 600, tried again 90
    "home_lost": 90 + 180 + 90 + 90 + 600 + 90,
    # at home 90, lost for 180, tried again 90, visible for 540, lost for 240, visible for 600, tried again 90
    "home_flaps": 90 + 180 + 90 + 540 + 240 + 600 + 90,
    # at home 90, away for 140, all back within 90, 180 more in which nothing is invoked
    "home_rebooted_by_ssh": 90 + 140 + 90 + 180,
    # off for 90 at least, boots in 60, new there for 300; at home 90, lost for 180, tried again 90, visible
    # for 600, tried again 90; twice booted in 60, and 300 of grace
    "phone_repowered": 90 + 60 + 300 + 90 + 180 + 90 + 90 + 600 + 90 + 60 + 300 + 60,
    # who refreshes each 60 lapses at home within 120, at home 90, lost for 180, tried again 90, visible for 600,
    # tried again 90, 300 of grace and 300 after it
    "paths_blocked": 120 + 90 + 180 + 90 + 600 + 90 + 2 * 300,
    # at home 90, lost for 180, tried again 90, confirmed 90, boot of 150, nobody let in for 210 and 60, home's boot of
    # 150, tried again 90
    "failover_rebooted": 90 + 180 + 90 + 90 + 150 + 210 + 60 + 150 + 90,
    # at home 90, lost for 180, confirmed at home 90, visible for 600
    "line_cut": 90 + 180 + 90 + 600,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_an_episode_lasts_at_least(name: str) -> None:
    assert float(library()[name].least(inventory())) == BY_HAND[name]


@pytest.mark.parametrize("name", library())
def test_no_episode_is_planned_to_be_over_before_it_can_be_judged(name: str) -> None:
    found = library()[name]
    benches = (find_bench(each).inventory for each in ("virtual", "virtual-all", "virtual-manual"))
    bench = next(each for each in benches if not found.lacks(each))
    assert 0 < found.least(bench) < found.expected(bench)


def test_a_whole_specification_takes_few_episodes() -> None:
    """Waiting is what costs a lab its nights: many clauses are judged by one outage."""
    assert len(library()) <= 20
