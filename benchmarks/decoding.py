"""Decoding: events of capture files, against bare tshark and pyshark on the same packets.

    python -m benchmarks.decoding

1. Signalling, 20,000 packets: packets a second against `tshark -T fields` with the same fields (at least 0.9 times),
   and against pyshark's default (at least 12 times; measured on the first 2,000 packets).
2. A night's file, 400,000 packets, 95 of 100 RTP, media gaps included: against one full pass of tshark over the same
   file with the same fields (at least 8 times faster); what was put into the file is held against what was read.
3. Memory of a process that does nothing but decode, at 100 thousand, 400 thousand and 2 million packets: what 2
   million take is at most 1.25 times what 100 thousand take, and what the further events take. That is what a copy
   of them allocates.

Ratios are medians of rounds that alternate within this run; a round beside which other processes worked is tried
again, and `others` tells the largest part of a processor that they had. Appends to results/decoding.jsonl; 1 if a
bound is missed.
"""

import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.night_file import Placed, write_night
from benchmarks.quiet import undisturbed
from benchmarks.results_file import append
from harness.base.units import EpochSeconds
from harness.base.versions import git_commit
from harness.capture.decoder import Decoded, decode
from harness.capture.events import DhcpEvent, Event, Outcome, RegistrationAttempt
from harness.capture.fields import command
from harness.capture.topology import topology_of
from harness.inventory import find_bench

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
SIGNALLING, NIGHT, SIZES, PYSHARK = 20_000, 400_000, (100_000, 400_000, 2_000_000), 2_000
LEAST_OF_TSHARK, LEAST_OF_PYSHARK, LEAST_OF_NIGHT = 0.9, 12.0, 8.0
MOST_MEMORY = 1.25
"""Times the memory at 100 thousand packets, the events apart."""


def main() -> int:
    """Measure, append, print."""
    with tempfile.TemporaryDirectory() as folder:
        signalling, night = Path(folder) / "signalling.pcapng", Path(folder) / "night.pcapng"
        placed, put = write_night(signalling, SIGNALLING, media=False), write_night(night, NIGHT)
        of_tshark, others = ratio(signalling, placed)
        faster, others_too = ratio(night, put)
        result: dict[str, Any] = {
            "of_tshark": of_tshark,
            "of_pyshark": pyshark_seconds(signalling) / (timed(signalling, placed)[0] * PYSHARK / SIGNALLING),
            "night_times_faster": faster,
            "others": max(others, others_too),
            "night_seconds": timed(night, put)[0],
            "wrong": [*differences(placed, timed(signalling, placed)[1]), *differences(put, timed(night, put)[1])],
            "memory": [memory(Path(folder), size) for size in SIZES],
        }
    first, last = result["memory"][0], result["memory"][-1]
    grown = last["events_mib"] - first["events_mib"]
    result["flat"] = last["mib"] <= MOST_MEMORY * first["mib"] + grown
    append("decoding", {"commit": git_commit(), **result})
    print(json.dumps(result, indent=1))
    bounds = (
        result["of_tshark"] >= LEAST_OF_TSHARK
        and result["of_pyshark"] >= LEAST_OF_PYSHARK
        and result["night_times_faster"] >= LEAST_OF_NIGHT
    )
    return int(not bounds or not result["flat"] or bool(result["wrong"]))


def ratio(file: Path, placed: Placed) -> tuple[float, float]:
    """How many times faster than bare tshark, and the part of a processor that others had meanwhile at most."""
    rounds = [undisturbed(lambda: tshark_seconds(file) / timed(file, placed)[0]) for _ in range(ROUNDS)]
    return round(median(value for value, _ in rounds), 3), round(max(others for _, others in rounds), 2)


def timed(file: Path, placed: Placed) -> tuple[float, Decoded]:
    """Seconds that our decoding takes, and what it found."""
    topology = topology_of(find_bench("virtual").inventory)
    began = time.perf_counter()
    found = decode({"home": [file]}, topology, EpochSeconds(placed.ended + 60))
    return time.perf_counter() - began, found


def tshark_seconds(file: Path) -> float:
    """Seconds of one pass of tshark, which prints the same fields to nowhere."""
    words = command(topology_of(find_bench("virtual").inventory))
    began = time.perf_counter()
    with file.open("rb") as stream:
        subprocess.run(words, stdin=stream, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def pyshark_seconds(file: Path) -> float:
    """Seconds that pyshark's default takes for the first packets, in a process of its own."""
    program = (
        "import asyncio, sys, time\nfrom itertools import islice\nimport pyshark\n"
        "loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop)\nbegan = time.perf_counter()\n"
        "capture = pyshark.FileCapture(sys.argv[1], keep_packets=False, eventloop=loop)\n"
        "assert sum(1 for _ in islice(capture, int(sys.argv[2]))) == int(sys.argv[2])\n"
        "print(time.perf_counter() - began, flush=True)\nimport os; os._exit(0)\n"
    )
    words = [sys.executable, "-c", program, str(file), str(PYSHARK)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0])


def differences(placed: Placed, found: Decoded) -> list[str]:
    """What was read otherwise than it was put in."""
    granted = [
        event
        for event in found.events
        if isinstance(event, RegistrationAttempt) and event.outcome in (Outcome.ACCEPTED, Outcome.CONFIRMED)
    ]
    streams = {(stream.ssrc, stream.source): stream for stream in found.media}
    wrong = [f"{len(granted)} of {placed.registrations} registrations"] if len(granted) != placed.registrations else []
    dhcp = sum(isinstance(event, DhcpEvent) for event in found.events)
    wrong += [f"{dhcp} of {placed.dhcp} DHCP messages"] if dhcp != placed.dhcp else []
    for leg in placed.legs:
        stream = streams.get((leg.ssrc, leg.source))
        read = stream and (stream.packets, stream.lost, len(stream.gaps))
        if leg.packets > 1 and read != (leg.packets, leg.lost, len(leg.gaps)):
            wrong.append(f"stream {leg.ssrc:#x}: {read}, not {leg.packets, leg.lost, len(leg.gaps)}")
    return wrong


def memory(folder: Path, packets: int) -> dict[str, Any]:
    """Peak MiB of a process that decodes a file of so many packets, and of its tshark; its seconds and events."""
    file = folder / f"{packets}.pcapng"
    placed = write_night(file, packets)
    words = [sys.executable, "-m", __spec__.name, str(file), str(placed.ended)]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    file.unlink()
    return {"packets": packets, **json.loads(told)}


def alone(file: Path, ended: float) -> None:
    """Decode one file and print what it took.

    The peak is that of this program's memory: `getrusage` begins with that of the process that started it.
    """
    began = time.perf_counter()
    topology = topology_of(find_bench("virtual").inventory)
    found = decode({"home": [file]}, topology, EpochSeconds(ended + 60))
    seconds = time.perf_counter() - began
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    told = {
        "seconds": round(seconds, 2),
        "mib": round(int(peak.split()[1]) / 1024, 1),
        "tshark_mib": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "events": len(found.events),
        "events_mib": round(size_of(found.events) / 2**20, 1),
    }
    print(json.dumps(told))


def size_of(events: Sequence[Event]) -> int:
    """Bytes that these events need: what a copy of them allocates."""
    written = pickle.dumps(events)
    tracemalloc.start()
    copied = pickle.loads(written)
    size, _ = tracemalloc.get_traced_memory()
    assert copied == events
    return size


if __name__ == "__main__":
    if len(sys.argv) > 1:
        alone(Path(sys.argv[1]), float(sys.argv[2]))
    else:
        sys.exit(main())
