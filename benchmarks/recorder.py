"""What one capture point takes: frames sent into it as fast as one process can, and whether any was lost.

    python -m benchmarks.recorder

Three times 200,000 frames of 200 bytes over a veth pair in a network namespace of its own, past a real Recorder.
Appends to results/recorder.jsonl: frames a second as sent, and as written (until the mark of the end is in the
file), frames dropped, CPU seconds. 1 if a frame was lost, or one is in the files that was not sent. Needs root.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.results_file import append
from harness.base.versions import git_commit
from harness.capture.blocks import extent
from harness.capture.recorder import Recorder
from harness.inventory import Inventory, find_bench
from harness.inventory.models import CapturePoint
from virtual_bench.building import fresh_network, run_ip
from virtual_bench.namespaces import within_network

ROOT = Path(__file__).resolve().parents[1]
FRAMES, SIZE, RUNS = 200_000, 200, 3
POINT, CAPTURED, SENDING = "home", "cap", "gen"
MARKS = 2
"""Frames of the recorder's own, at least: the marks of beginning and end."""


def main() -> int:
    """Run, tell, append."""
    rounds = [one_round() for _ in range(RUNS)]
    result = {"frames": FRAMES, "bytes": SIZE, "cores": os.cpu_count(), "rounds": rounds}
    append("recorder", {"commit": git_commit(), **result})
    print(json.dumps(result, indent=1))
    return int(any(one["dropped"] or one["missing"] for one in rounds))


def one_round() -> dict[str, Any]:
    """One burst, and what became of it."""
    network = fresh_network()
    try:
        run_ip(network, pair_commands(CAPTURED, SENDING))
        with tempfile.TemporaryDirectory() as folder, within_network(network):
            return burst(Path(folder))
    finally:
        os.close(network)


def burst(folder: Path) -> dict[str, Any]:
    """Record a burst in the network this thread is in."""
    recorder = Recorder(with_capture(find_bench("virtual").inventory, CAPTURED), folder, "a burst")
    recorder.start()
    dumpcap = next(child for child in psutil.Process().children() if child.name() == "dumpcap")
    try:
        own = time.process_time()
        words = [sys.executable, "-m", "benchmarks.recorder", SENDING, str(FRAMES), str(SIZE)]
        told = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, timeout=120).stdout
        began, sent = map(float, told.split())
        recorder.check()
        used = dumpcap.cpu_times()
        (captured,) = recorder.stop()
        written_within = time.monotonic() - began
    finally:
        recorder.abort()
    written = sum(extent(file)[0] for file in captured.files)
    return {
        "sent_a_second": round(FRAMES / (sent - began)),
        "written_a_second": round(FRAMES / written_within),
        "dropped": captured.dropped,
        "missing": max(0, FRAMES + MARKS - written),
        "recorder_cpu_seconds": round(time.process_time() - own, 2),
        "dumpcap_cpu_seconds": round(used.user + used.system, 2),
    }


def pair_commands(one: str, other: str) -> list[str]:
    """Lines for `ip -batch` that make a cable between two interfaces."""
    return [f"link add {one} type veth peer name {other}", f"link set {one} up", f"link set {other} up"]


def with_capture(inventory: Inventory, interface: str, netns: str | None = None) -> Inventory:
    """The bench in real seconds, with the port of home captured at `interface` and nothing else."""
    point = CapturePoint(interface=interface, sees=("home",), netns=netns)
    settings = inventory.settings.model_copy(update={"time_scale": 1.0})
    return inventory.model_copy(update={"captures": {POINT: point}, "settings": settings})


def send(interface: str, frames: int, size: int) -> tuple[float, float]:
    """Send that many frames of `size` bytes; when that began and ended, on the monotonic clock."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        frame = (b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb6").ljust(size, b"\0")
        began = time.monotonic()
        for _ in range(frames):
            out.send(frame)
        return began, time.monotonic()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(*send(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    else:
        sys.exit(main())
