"""A storm: 3,000 telephones register within 10 real seconds at one capture point, read live and afterwards.

    python -m benchmarks.storm               # on an idle machine, within 9.5 s
    python -m benchmarks.storm --seconds 2 --busy 1    # harder: all within 2 s, beside a CPU-bound process

In two network namespaces of its own, with the virtual bench's registrar, gatekeeper and telephones (60 % SIP over
UDP, 30 % over TCP, 10 % H.323). Appends to results/storm.jsonl. 1 unless nothing was dropped, every registration of
the unit's own log was found in the files and live, none was invented, and the live reader was never more than 1 s
behind. Needs root.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.recorder import CAPTURED, ROOT, SENDING, pair_commands, with_capture
from benchmarks.results_file import append
from benchmarks.soak import busy
from benchmarks.storm_peers import Telephone
from harness.base.clock import Deadline, now
from harness.base.units import EpochSeconds
from harness.base.versions import git_commit
from harness.capture.decoder import Decoded, decode
from harness.capture.events import Event, Outcome, RegistrationAttempt
from harness.capture.live import LiveReader
from harness.capture.recorder import Captured, Recorder
from harness.capture.topology import topology_of
from harness.inventory import find_bench
from virtual_bench.building import fresh_network, run_ip
from virtual_bench.interfaces import Interface
from virtual_bench.namespaces import within_network

PHONES, SHARES = 3000, 2
WITHIN, LATEST = 10.0, 1.0
"""Real seconds: in which all must have begun, and by which the live reader may be behind."""
HEAD_START, GIVEN_UP, POLL = 2.0, 40.0, 0.01
UNIT_ADDRESS, PHONES_GATEWAY, PHONES_NETWORK = "10.77.1.10/24", "10.77.1.2/24", "10.78.0.0/16"
Registered = Counter[tuple[str, str]]
"""(extension, address) → how often it was accepted."""


@dataclass
class Seen:
    """What came live: who registered, and how long after each packet's stamp `drain` gave its event, real seconds."""

    registered: Registered = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)

    def take(self, events: Iterable[Event], drained_at: float) -> None:
        """Note what one call of `drain` gave."""
        for event in events:
            self.late.append(drained_at - event.at)
        self.registered += accepted(events)


def main() -> int:
    """Run it, append the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=9.5, help="real seconds in which all begin")
    parser.add_argument("--busy", type=int, default=0, help="CPU-bound processes beside it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, busy(options.busy):
        result, wrong = storm(Path(folder), options.seconds)
    result |= {"busy": options.busy, "wrong": wrong}
    append("storm", {"commit": git_commit(), **result})
    print(json.dumps(result, indent=1))
    return int(bool(wrong))


def storm(folder: Path, seconds: float) -> tuple[dict[str, Any], list[str]]:
    """The figures of one storm, and what is wrong with it."""
    inventory = with_capture(find_bench("virtual").inventory, CAPTURED)
    recorder, live, seen = Recorder(inventory, folder / "capture", "a storm"), LiveReader(inventory), Seen()
    with networks() as (ours, theirs), within_network(ours), ExitStack() as ending:
        ending.enter_context(peer(ours, "unit", str(folder), str(PHONES)))
        begin = now() + HEAD_START
        own = time.process_time()
        ending.callback(recorder.abort)
        recorder.start()
        ending.callback(live.close)
        live.follow(recorder.files)
        for share in range(SHARES):
            words = map(str, ("phones", PHONES, share, SHARES, begin, seconds))
            ending.enter_context(peer(theirs, *words))
        watch(recorder, live, seen, begin + seconds)
        cpu = {"recorder_and_live": time.process_time() - own, **children_cpu()}
        (captured,) = recorder.stop()
    reading = time.monotonic()
    decoded = decode({captured.point: captured.files}, topology_of(inventory), EpochSeconds(now()))
    took = time.monotonic() - reading
    truth = decided(folder / "truth" / "home.jsonl")
    figures = {
        "phones": PHONES,
        "began_within_s": round(spread(decoded), 2),
        "packets": captured.packets,
        "dropped": captured.dropped,
        "cpu_seconds": {name: round(used, 2) for name, used in cpu.items()},
        "live_median_s": round(median(seen.late), 3),
        "live_max_s": round(max(seen.late), 3),
        "live_reader_says_s": round(live.latency, 3),
        "decode_s": round(took, 2),
        "cores": os.cpu_count(),
    }
    return figures, list(faults(truth, captured, decoded, seen, live.latency))


def faults(truth: Registered, captured: Captured, decoded: Decoded, seen: Seen, latency: float) -> Iterator[str]:
    """What is wrong."""
    expected = Counter((each.extension, each.address) for each in map(Telephone, range(PHONES)))
    attempts = [event for event in decoded.events if isinstance(event, RegistrationAttempt)]
    for name, found in (("the unit", truth), ("the files", accepted(attempts)), ("live", seen.registered)):
        missed, invented = expected - found, found - expected
        if missed or invented:
            yield f"{name}: {missed.total()} missed, {invented.total()} invented, such as {[*missed, *invented][:3]}"
    if len(attempts) != PHONES:
        yield f"{len(attempts)} attempts: {Counter(str(each.outcome) for each in attempts)}"
    if not captured.complete or captured.losses:
        yield f"the capture is not complete: {captured.dropped} dropped, {captured.fault}"
    if decoded.packets[captured.point] != captured.packets:
        yield f"{decoded.packets[captured.point]} packets in the files, {captured.packets} were taken"
    if decoded.findings:
        yield f"{len(decoded.findings)} findings, such as {decoded.findings[0]}"
    if spread(decoded) > WITHIN:
        yield f"they began within {spread(decoded):.1f} s"
    if max(*seen.late, latency) > LATEST:
        yield f"the live reader was {max(*seen.late, latency):.2f} s behind"


def watch(recorder: Recorder, live: LiveReader, seen: Seen, until: float) -> None:
    """As the harness does while it waits: until everybody was seen, or some time after the storm's end."""
    deadline = Deadline.after(until - now() + GIVEN_UP)
    while seen.registered.total() < PHONES and not deadline.passed:
        events = live.drain()
        seen.take(events, now())
        recorder.check()
        time.sleep(POLL)


def accepted(events: Iterable[Event]) -> Registered:
    """Who was accepted."""
    return Counter(
        (event.extension, event.source)
        for event in events
        if isinstance(event, RegistrationAttempt) and event.outcome is Outcome.ACCEPTED
    )


def decided(log: Path) -> Registered:
    """Who was accepted by the unit's own word."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return Counter(
        (each["extension"], each["peer"].partition(":")[0]) for each in entries if each["what"] == "accepted"
    )


def spread(decoded: Decoded) -> float:
    """Real seconds from the first one's first request to the last one's."""
    asked = [event.asked_at for event in decoded.events if isinstance(event, RegistrationAttempt)]
    return max(asked) - min(asked) if asked else 0.0


def children_cpu() -> Mapping[str, float]:
    """CPU seconds of dumpcap and tshark, which are children of this process."""
    used = {}
    for child in psutil.Process().children():
        if child.name() in ("dumpcap", "tshark"):
            times = child.cpu_times()
            used[child.name()] = times.user + times.system
    return used


@contextmanager
def networks() -> Iterator[tuple[int, int]]:
    """Descriptors of the unit's network, where the capture point is, and the telephones', joined by a cable."""
    ours, theirs = fresh_network(), fresh_network()
    try:
        run_ip(ours, [*pair_commands(CAPTURED, SENDING), f"link set {SENDING} netns /proc/self/fd/{theirs}"], [theirs])
        address, gateway = UNIT_ADDRESS, PHONES_GATEWAY.partition("/")[0]
        run_ip(ours, [f"address add {address} dev {CAPTURED}", f"route add {PHONES_NETWORK} via {gateway}"])
        all_theirs = f"route add local {PHONES_NETWORK} dev lo"
        up = [f"link set {SENDING} up", "link set lo up"]
        run_ip(theirs, [f"address add {PHONES_GATEWAY} dev {SENDING}", *up, all_theirs])
        for network, name in ((ours, CAPTURED), (theirs, SENDING)):
            with Interface(network, name) as interface:
                interface.compute_checksums()
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def peer(network: int, *words: str) -> Iterator[None]:
    """A process of `storm_peers` in a network, from when it is ready until the block is left."""
    command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "benchmarks.storm_peers", *words]
    with within_network(network):
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{words[0]} did not come up")
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
