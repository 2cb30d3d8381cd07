"""What a virtual bench costs: seconds to bring it up and to have its phones at home, memory of it and of one episode.

    python -m benchmarks.footprint [--bench virtual-all]

Memory is the proportional set size (shared pages divided among their users), the peak of samples each 0.2 s.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.benches import existing
from benchmarks.results_file import append
from harness.base.versions import git_commit
from harness.inventory import Bench, find_bench

ROOT = Path(__file__).resolve().parents[1]
AT_HOME_WITHIN = 60.0
"""Real seconds."""


def main() -> int:
    """Bring a bench up five times, then play one episode on it; append the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=existing, default="virtual")
    bench = find_bench(f"{parser.parse_args().bench}@footprint")
    seconds, at_home = zip(*[up_and_down(bench) for _ in range(5)], strict=True)
    command("up", bench)
    try:
        supervisor = json.loads((bench.state / "supervisor.json").read_text())["pid"]
        peaks = memory_of_an_episode(bench, supervisor)
    finally:
        command("down", bench)
    phones = len(bench.inventory.phones)
    result = {"commit": git_commit(), "phones": phones, "up_seconds": seconds, "at_home_seconds": at_home, **peaks}
    append("footprint", result)
    print(json.dumps(result, indent=1))
    return 0


def up_and_down(bench: Bench) -> tuple[float, float]:
    """Real seconds that `bench up` takes from nothing, and until home has let every phone in."""
    began = time.monotonic()
    command("up", bench)
    taken = round(time.monotonic() - began, 2)
    try:
        while not all_at_home(bench):
            if time.monotonic() - began > AT_HOME_WITHIN:
                raise TimeoutError(f"not every phone is at home within {AT_HOME_WITHIN:g} s")
            time.sleep(0.1)
        return taken, round(time.monotonic() - began, 2)
    finally:
        command("down", bench)


def all_at_home(bench: Bench) -> bool:
    """Whether home's own log says so."""
    entries = map(json.loads, (bench.state / "truth" / "home.jsonl").read_text().splitlines())
    accepted = {entry.get("extension") for entry in entries if entry["what"] == "accepted"}
    return accepted >= {phone.extension for phone in bench.inventory.phones.values()}


def memory_of_an_episode(bench: Bench, supervisor: int) -> dict[str, Any]:
    """Peak MiB of the bench, and of a `bench run` with its tshark and dumpcap."""
    words = [sys.executable, "-m", "harness.cli", "run", "home_rebooted_by_ssh", "--bench", bench.name]
    out = ROOT / ".lab" / "footprint"
    run = subprocess.Popen([*words, "--out", str(out / str(time.time_ns()))], cwd=ROOT, stdout=subprocess.DEVNULL)
    bench_peak = run_peak = 0.0
    while run.poll() is None:
        bench_peak = max(bench_peak, family(supervisor))
        run_peak = max(run_peak, family(run.pid))
        time.sleep(0.2)
    return {"bench_peak_mib": round(bench_peak), "run_peak_mib": round(run_peak), "run_exit": run.returncode}


def family(pid: int) -> float:
    """MiB of a process and all below it."""
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess, FileNotFoundError):
            continue
    return total / 2**20


def command(verb: str, bench: Bench) -> None:
    """`bench up` or `bench down`."""
    subprocess.run(
        [sys.executable, "-m", "harness.cli", verb, "--bench", bench.name],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main())
