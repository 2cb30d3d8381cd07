"""What journaling costs: lab changes by the bare driver and through the door in turns, and the watchdog at rest.

    python -m benchmarks.journal_cost

On a virtual bench of its own a phone's port is shut and opened and a phone's outlet switched off and on, 20 times
each, by the driver alone and through the `Door`. The door also reads the state before, for which the driver alone has
no need: that is a figure of its own, as is one read-back. `journal_adds` is door minus driver minus that reading;
`journal_calls` are intend and done (of a change) or undone (of an undo), with their syncs, timed within the door.
Before the bench is up: intend and done alone on a quiet machine, and memory and CPU time of a watchdog that has
nothing to do for 30 s, as the kernel counts them. Appends to results/journal_cost.jsonl. 1 if the journal adds more
than 20 ms (the calls in their worst case), or if the watchdog takes more than 25 MB or any measurable CPU time. Needs
root.
"""

import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.quiet import undisturbed
from benchmarks.results_file import append
from harness.base.transcripts import Transcripts
from harness.base.versions import git_commit
from harness.drivers.protocols import Link, OutletDriver, Power, SwitchDriver
from harness.inventory import Bench, OutletRef, PortRef, find_bench
from harness.journal.devices import Devices
from harness.journal.door import Door
from harness.journal.lease import Lease
from harness.journal.record import Journal, LabChange
from harness.journal.watchdog import Watchdog
from virtual_bench.kind import VirtualBench

BENCH = "virtual@journal-cost"
PORT_OF, OUTLET_OF = "phone-J179", "phone-1608"
CYCLES = 20
MOST_MS, MOST_MB, LEAST_CPU = 20.0, 25.0, 0.01
"""`LEAST_CPU`: the kernel's own tick, real seconds; less than that in the whole time is not measurable."""
CALLS, AT_REST, STARTED_WITHIN = 100, 30.0, 2.0

Spans = dict[str, list[float]]


@dataclass
class Stopwatch:
    """Real milliseconds by what they were spent on."""

    spans: Spans = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Times the block."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spans[what].append((time.perf_counter() - began) * 1000)


class TimedJournal(Journal):
    """A journal whose every call is timed as "journal"."""

    watch: Stopwatch

    def intend(self, change: LabChange, owner: str) -> int:
        """As of a journal."""
        with self.watch.on("journal"):
            return super().intend(change, owner)

    def done(self, number: int, handle: str = "") -> None:
        """As of a journal."""
        with self.watch.on("journal"):
            super().done(number, handle)

    def undone(self, number: int) -> None:
        """As of a journal."""
        with self.watch.on("journal"):
            super().undone(number)


@dataclass(frozen=True)
class Way:
    """One kind of lab change, bare and through the door, and how its state is read."""

    bare: Callable[[bool], object]
    door: Callable[[bool], object]
    state: Callable[[], object]


def main() -> int:
    """Measure, append the result; 1 above a limit."""
    commit = git_commit()
    calls, others = undisturbed(journal_calls)
    row = {"commit": commit, "cores": os.cpu_count(), "calls_alone_ms": round(calls, 2), "others": round(others, 3),
           "watchdog": watchdog_at_rest(), **changes_on_a_bench()}  # fmt: skip
    wrong = list(faults(row))
    append("journal_cost", row | {"wrong": wrong})
    print(json.dumps(row | {"wrong": wrong}, indent=1))
    return int(bool(wrong))


def faults(row: dict[str, Any]) -> Iterator[str]:
    """What is above its limit."""
    for kind in ("port", "outlet"):
        for what, found in row[kind].items():
            if found["journal_adds_ms"] > MOST_MS or found["journal_calls_worst_ms"] > MOST_MS:
                yield f"the journal adds more than {MOST_MS:g} ms to the {what} of a {kind}"
    if row["watchdog"]["rss_mb"] > MOST_MB:
        yield f"the watchdog takes more than {MOST_MB:g} MB"
    if row["watchdog"]["cpu_s"] >= LEAST_CPU:
        yield "the watchdog uses CPU time while nothing happens"


def journal_calls() -> float:
    """Milliseconds for one change in the journal alone: intent and done, synced (median)."""
    watch, disk = Stopwatch(), find_bench(BENCH).state.parent
    disk.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=disk) as folder:
        journal = Journal(Path(folder) / "journal")
        for _ in range(CALLS):
            with watch.on("change"):
                number = journal.intend(LabChange("port", "sw-home", "port1", "on"), "a benchmark")
                journal.done(number)
            journal.undone(number)
    return median(watch.spans["change"])


def watchdog_at_rest() -> dict[str, float]:
    """Memory, and CPU seconds used in AT_REST real seconds, of a watchdog that has nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        lease = Lease(Path(folder), BENCH, "a benchmark")
        lease.acquire()
        watchdog = Watchdog(lease, ["/bin/true"], Path(folder) / "said")
        watchdog.start()
        try:
            return _at_rest(watchdog.pid or 0)
        finally:
            watchdog.dismiss()
            lease.release()


def _at_rest(pid: int) -> dict[str, float]:
    time.sleep(STARTED_WITHIN)
    before = _on_cpu(pid)
    time.sleep(AT_REST)
    used, memory = _on_cpu(pid) - before, psutil.Process(pid).memory_info().rss
    return {"rss_mb": round(memory / 1e6, 1), "cpu_s": round(used, 6), "seconds": AT_REST}


def _on_cpu(pid: int) -> float:
    """Seconds that a process has been on a processor, to the nanosecond (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def changes_on_a_bench() -> dict[str, Any]:
    """The figures of ports and outlets, from a bench of their own."""
    bench, kind = find_bench(BENCH), VirtualBench()
    try:
        kind.up(bench)
        kind.enter(bench)
        return measured_changes(bench)
    finally:
        kind.down(bench)


def measured_changes(bench: Bench) -> dict[str, Any]:
    """In the bench's own network: the changes, in turns."""
    port, outlet = bench.inventory.phones[PORT_OF].port, bench.inventory.phones[OUTLET_OF].outlet
    assert outlet is not None  # it is so in this inventory
    watch, journal = Stopwatch(), TimedJournal(bench.state / "journal")
    journal.watch = watch
    with tempfile.TemporaryDirectory() as folder:
        transcripts = Transcripts(Path(folder))
        devices, door = Devices(bench, transcripts), Door(bench, journal, transcripts, "a benchmark")
        try:
            ways = {
                "port": port_way(devices.switch(port.switch), door, port),
                "outlet": outlet_way(devices.pdu(outlet.pdu), door, outlet),
            }
            return {name: figures(way, watch) for name, way in ways.items()}
        finally:
            devices.close()
            door.close()
            journal.forget_settled()


def port_way(switch: SwitchDriver, door: Door, ref: PortRef) -> Way:
    """A phone's port."""
    switch.connect()
    door.log_in_at_switch(ref.switch)
    return Way(
        lambda on: (switch.open if on else switch.shut)(ref.port),
        lambda on: door.set_port(ref, Link.ON if on else Link.OFF, "a benchmark"),
        lambda: switch.state(ref.port),
    )


def outlet_way(pdu: OutletDriver, door: Door, ref: OutletRef) -> Way:
    """A phone's outlet."""
    return Way(
        lambda on: (pdu.on if on else pdu.off)(ref.outlet),
        lambda on: door.set_outlet(ref, Power.ON if on else Power.OFF, "a benchmark", OUTLET_OF),
        lambda: pdu.state(ref.outlet),
    )


def figures(way: Way, watch: Stopwatch) -> dict[str, dict[str, float]]:
    """CYCLES changes and as many undos each way, in turns: by the driver, then through the door."""
    spans = {on: Stopwatch() for on in (False, True)}
    way.state()
    for _ in range(CYCLES):
        for on, its in spans.items():
            with its.on("driver"):
                way.bare(on)
        for on, its in spans.items():
            _through_the_door(way, on, its, watch)
    return {what: _summary(spans[on].spans) for what, on in (("change", False), ("undo", True))}


def _through_the_door(way: Way, on: bool, its: Stopwatch, journal: Stopwatch) -> None:
    with its.on("read_before"):
        way.state()
    journal.spans.clear()
    with its.on("door"):
        way.door(on)
    its.spans["journal_calls"].append(sum(journal.spans["journal"]))
    with its.on("read_back"):
        way.state()


def _summary(spans: Spans) -> dict[str, float]:
    three = zip(spans["door"], spans["driver"], spans["read_before"], strict=True)
    adds = [door - driver - read for door, driver, read in three]
    single = ("driver", "door", "read_before", "read_back")
    found = {f"{name}_ms": median(spans[name]) for name in single}
    found |= {"journal_adds_ms": median(adds), "journal_adds_worst_ms": max(adds)}
    found |= {
        "journal_calls_ms": median(spans["journal_calls"]),
        "journal_calls_worst_ms": max(spans["journal_calls"]),
    }
    return {name: round(value, 2) for name, value in found.items()} | {"times": len(adds)}


if __name__ == "__main__":
    sys.exit(main())
