"""Killed runs: SIGKILL at random instants of an outage, and what becomes of the bench.

    python -m benchmarks.kills                                       # 200, 50 and 20 rounds
    python -m benchmarks.kills --mode both --seed 7 --rounds 10
    python -m benchmarks.kills --at-most 400                         # begins no round after so many seconds

Three benches side by side outlive the runs. In mode `watchdog` the run is killed and its watchdog puts back; in mode
`both` both are killed and `bench recover` puts back; in mode `recovery` whoever puts back is killed, too, the watchdog
in half of the rounds, and `bench recover` is called once more. The instants are uniform from a run's start to a little
beyond its usual end (in mode `recovery` within its outage and the recovery). Carrier, ports, outlets and the probes'
registrations are then read from the bench itself, and must be as before within 10 real seconds.

Each round is a line in results/kills.jsonl: started again with the same seed, it goes on where it stopped. What
failed is played again only by other code. 1 if any round is missing or failed. Needs root.
"""

import argparse
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.kills_rounds import Mode, Plan, Row, Stage
from benchmarks.results_file import append, rows
from harness.base.clock import Deadline
from harness.base.versions import git_commit

NAME = "kills"
ROUNDS = {Mode.WATCHDOG: 200, Mode.BOTH: 50, Mode.RECOVERY: 20}


def main() -> int:
    """Play the rounds that are still missing; 1 unless all of them are there and good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--rounds", type=int, help="of each mode, instead of 200, 50 and 20")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), action="append", help="may be given several times")
    parser.add_argument("--at-most", type=float, default=1e9, help="real seconds after which no round begins")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    wanted = {mode: options.rounds or ROUNDS[mode] for mode in options.mode or list(Mode)}
    missing = [
        Plan.of(options.seed, mode, number)
        for mode, count in wanted.items()
        for number in range(count)
        if not _is_played(last_rows(options.seed).get((mode, number)))
    ]
    if missing:
        play(options.seed, missing, Deadline.after(options.at_most))
    return report(options.seed, wanted)


def play(seed: int, plans: list[Plan], until: Deadline) -> None:
    """Each bench plays its own, side by side; every round is kept as it ends. A bench ends with one that went wrong."""
    lock, commit = threading.Lock(), git_commit()

    def keep(row: Row) -> None:
        with lock:
            append(NAME, {"seed": seed, "commit": commit, **row})
            print(json.dumps(row), flush=True)

    def play_its(number: int, stage: Stage) -> None:
        stage.measure_usual()
        print(f"{stage.bench.name}: {stage.usual}", flush=True)
        for plan in plans:
            if plan.bench == number and not until.passed:
                row = stage.play(plan)
                keep(row)
                if not row["ok"]:
                    return

    numbers = sorted({plan.bench for plan in plans})
    with ExitStack() as opened:
        # One after the other, and before there are threads.
        stages = [opened.enter_context(Stage(number)) for number in numbers]
        with ThreadPoolExecutor(len(stages)) as beside:
            list(beside.map(play_its, numbers, stages))


def last_rows(seed: int) -> dict[tuple[str, int], Row]:
    """The latest row of each round of this seed."""
    return {(row["mode"], row["round"]): row for row in rows(NAME) if row["seed"] == seed}


def _is_played(row: Row | None) -> bool:
    return row is not None and (row["ok"] or row["commit"] == git_commit())


def report(seed: int, wanted: dict[Mode, int]) -> int:
    """A line for each mode; 1 unless every round was played and put back."""
    last, failed_once = last_rows(seed), [row for row in rows(NAME) if row["seed"] == seed and not row["ok"]]
    complete = True
    for mode, count in wanted.items():
        played = [last[mode, number] for number in range(count) if (mode, number) in last]
        good = [row for row in played if row["ok"]]
        complete &= len(good) == count
        print(f"{mode}: {len(good)} of {count}; {_figures(played)}")
        earlier = sum(row["mode"] == mode for row in failed_once) - (len(played) - len(good))
        if earlier:
            print(f"    {earlier} rounds failed with earlier code and were played again")
    return int(not complete)


def _figures(played: list[Row]) -> str:
    if not played:
        return "none was played"
    slowest = max(row["seconds"] for row in played)
    devices = max(row["devices_s"] for row in played)
    changed = sum(bool(row["open"]) for row in played)
    lapsed = sum(row["lapsed"] for row in played)
    return (
        f"slowest {slowest:.1f} s (ports and outlets {devices:.1f} s); {changed} were killed with something open; "
        f"{lapsed} registrations lapsed"
    )


if __name__ == "__main__":
    sys.exit(main())
