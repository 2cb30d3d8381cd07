"""`python -m virtual_bench.units --state DIR --role home|failover [--console-fd N]`: one emulated unit."""

import argparse
import sys
from pathlib import Path

from harness.inventory import Role, catalogue
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.state import load_effective
from virtual_bench.truth import TruthLog, has_truth
from virtual_bench.units.init import Init
from virtual_bench.units.surroundings import Surroundings


def main() -> int:
    """Be the unit until SIGTERM; returns the exit status."""
    parser = argparse.ArgumentParser(prog="virtual_bench.units")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--role", type=Role, choices=list(Role), required=True)
    parser.add_argument("--console-fd", type=int)
    options = parser.parse_args()
    bench = load_effective(options.state)
    catalogue()  # read once, here, and not again by the services that each boot starts
    # A bench is handed over in operation: only a unit that has run on it before has to boot.
    first = not has_truth(bench.state, options.role.value)
    clock = ScaledClock(bench.inventory.settings.time_scale)
    around = Surroundings(bench, options.role, clock, TruthLog(bench.state, options.role.value))
    return Init(around, options.console_fd, running=first).run()


if __name__ == "__main__":
    sys.exit(main())
