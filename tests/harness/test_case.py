"""What the report of a case shows of the phones it is about."""

import csv
from pathlib import Path

from harness.base.interval import Interval
from harness.capture.events import Outcome
from harness.episodes.recording import Recording
from harness.inventory import find_bench
from harness.report.case import messages_csv, picture_of
from tests.harness.test_no_lies import HOME, LINE, PROBE, recording, seen
from tests.harness.test_timeline import attempt

BENCH = find_bench("virtual-all").inventory
BASE = "base-DECT"


def at_home() -> Recording:
    """The base, its handsets and the probe registered at home, on the bench that has them."""
    phone = BENCH.phones[BASE]
    asks = [attempt(20, Outcome.ACCEPTED, HOME, each) for each in (phone.extension, *phone.handsets, PROBE)]
    made = recording([*LINE, *map(seen, asks)])
    manifest = made.manifest.model_copy(update={"inventory": BENCH.model_dump(mode="json")})
    found = Recording(Path("home_lost"), manifest)
    found.__dict__["decoded"] = made.decoded
    return found


def test_the_attempts_of_a_base_are_shown_with_those_of_each_handset() -> None:
    judged = [(Interval.at(20), "registered")]
    for subjects, who in (([BASE], [BASE, f"{BASE} 327", f"{BASE} 328"]), (["sip"], [f"probe {PROBE}"])):
        rows = list(csv.DictReader(messages_csv(at_home(), subjects, judged).splitlines()))
        assert [(row["phone"], row["system"], row["judged"]) for row in rows] == [
            (each, "home", "judged") for each in who
        ]


def test_each_handset_has_a_lane_below_its_base() -> None:
    svg = picture_of(at_home(), "a case", [], None, [BASE])
    at = [svg.index(f">{name}<") for name in (BASE, "327", "328", "phone-J179")]
    assert at == sorted(at)
