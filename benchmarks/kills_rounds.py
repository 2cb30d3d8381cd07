"""One bench with runs that are killed on it, one after the other; each round says how the bench was put back."""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from benchmarks.kills_eyes import Eyes, Sight
from benchmarks.kills_processes import Marked
from harness.base.clock import Deadline
from harness.inventory import Bench, Role, find_bench
from harness.journal.record import Journal
from virtual_bench.kind import VirtualBench

INVENTORY = Path(__file__).with_name("kills.yaml")
LIMIT = 10.0
"""Real seconds from the kill, or from the start of the last `bench recover`, until all is as before."""
BEYOND = 1.05
"""Instants reach so far beyond a run's usual end, as a part of its length."""
SETTLED = 1.5
"""Real seconds after home's link came back until the next run begins, which takes more than a second to begin with:
until then home may refuse whoever registers anew (HOLDS_FOR of the emulated home, 2 s)."""
GIVEN_UP, LOOK_EVERY = 30.0, 0.02
BENCHES = 3
_CHANGES = ("cut", "restore", "power_on", "power_off")

Row = dict[str, Any]


class Mode(StrEnum):
    """Who is killed, and who puts the bench back."""

    WATCHDOG = "watchdog"
    """The run alone; its watchdog puts back."""
    BOTH = "both"
    """The run and its watchdog; then `bench recover` puts back."""
    RECOVERY = "recovery"
    """The run in its outage, then whoever is putting back; then `bench recover`, once more."""


@dataclass(frozen=True)
class Plan:
    """What one round does. Its two instants are parts (0 to 1) of the spans they are drawn from."""

    mode: Mode
    number: int
    instants: tuple[float, float]

    @classmethod
    def of(cls, seed: int, mode: Mode, number: int) -> "Plan":
        """The same for the same seed, mode and number."""
        random = Random(f"{seed} {mode} {number}")
        return cls(mode, number, (random.random(), random.random()))

    @property
    def bench(self) -> int:
        """The benches take turns."""
        return self.number % BENCHES + 1

    @property
    def watchdog_recovers(self) -> bool:
        """Of a round in which a recovery is killed: whether it is the watchdog's."""
        return self.number % 2 == 1


@dataclass(frozen=True)
class Usual:
    """How long things take that nobody kills, real seconds: a run's first change, its last, its end; a recovery."""

    first: float
    last: float
    end: float
    recovery: float


class Stage:
    """A bench, up and prepared. A context manager; afterwards the bench is down."""

    def __init__(self, number: int) -> None:
        self.bench: Bench = find_bench(f"{INVENTORY}@{number}")

    def __enter__(self) -> "Stage":
        kind = VirtualBench()
        with ExitStack() as opened:
            self._folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            opened.callback(kind.down, self.bench)
            kind.down(self.bench)
            kind.up(self.bench)
            self.eyes = opened.enter_context(Eyes(self.bench))
            self.before = self._prepared()
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def measure_usual(self, times: int = 2) -> None:
        """Play the outage to its end, and one that `bench recover` puts back; all must be as before afterwards.

        Raises RuntimeError where it is not, or where nothing was to be put back.
        """
        marks = [self._undisturbed() for _ in range(times)]
        first, last, end = (median(each[at] for each in marks) for at in range(3))
        self.usual = Usual(first, last, end, self._recovery_from((first + last) / 2))

    def play(self, plan: Plan) -> Row:
        """One round: what was done, what was found. `wrong` is empty where all was put back in time."""
        self._settle()
        row = {Mode.WATCHDOG: self._watchdog, Mode.BOTH: self._both, Mode.RECOVERY: self._recovery}[plan.mode](plan)
        return {"mode": plan.mode, "round": plan.number, **row, "ok": not row["wrong"]}

    def _watchdog(self, plan: Plan) -> Row:
        run, at = self._run(), self._any_instant(plan)
        run.sleep_until(at)
        code, killed = run.kill(), time.monotonic()
        return self._killed(code, at) | self._outcome([run], killed)

    def _both(self, plan: Plan) -> Row:
        run, at = self._run(), self._any_instant(plan)
        run.sleep_until(at)
        return self._killed(run.kill_with_watchdog(), at) | self._recovered([run])

    def _recovery(self, plan: Plan) -> Row:
        run = self._run()
        at = self._first_change(run) + plan.instants[0] * (self.usual.last - self.usual.first)
        into = plan.instants[1] * self.usual.recovery * BEYOND
        run.sleep_until(at)
        kill = self._kill_its_watchdog if plan.watchdog_recovers else self._kill_a_recovery
        row, killed = kill(run, at, into)
        row |= {"recovery_killed_at": round(into, 3), "open_then": self._journaled()}
        return row | self._recovered(killed)

    def _kill_its_watchdog(self, run: Marked, at: float, into: float) -> tuple[Row, list[Marked]]:
        row = self._killed(run.kill(), at) | {"recovered_by": "watchdog"}
        time.sleep(into)
        run.kill_watchdog()
        return row, [run]

    def _kill_a_recovery(self, run: Marked, at: float, into: float) -> tuple[Row, list[Marked]]:
        row = self._killed(run.kill_with_watchdog(), at) | {"recovered_by": "bench recover"}
        recovery = self._recover()
        recovery.sleep_until(into)
        recovery.kill()
        return row, [run, recovery]

    def _any_instant(self, plan: Plan) -> float:
        return plan.instants[0] * self.usual.end * BEYOND

    def _killed(self, code: int, at: float) -> Row:
        """What is known right after a kill. Raises RuntimeError where the run had failed by itself."""
        if code > 0:
            raise RuntimeError(f"{self.bench.name}: a run failed before it was killed: {self._said('play')}")
        return {"killed_at": round(at, 3), "ended_before": code == 0, "open": self._journaled()}

    def _recovered(self, killed: list[Marked]) -> Row:
        """What `bench recover` comes to."""
        recovery = self._recover()
        found = self._outcome([*killed, recovery], recovery.began)
        if code := recovery.wait(GIVEN_UP):
            found["wrong"].append(f"bench recover ended with {code}: {self._said('recover')}")
        return found

    def _outcome(self, processes: list[Marked], since: float) -> Row:
        """Looks until all is as before and nothing of the round runs any more, or for GIVEN_UP real seconds."""
        lapsed, devices, everything = self.eyes.lapsed, since, since
        deadline, departures, left = Deadline.after(GIVEN_UP), [""], [""]
        while (departures or left) and not deadline.passed:
            sight, seen = self.eyes.look(), time.monotonic()
            was, departures = departures, sight.departures(self.before)
            left = [] if departures else [words[0] for each in processes for _, words in each.left()]
            everything = seen if was else everything
            devices = seen if any(not each.endswith("is registered") for each in was) else devices
            time.sleep(LOOK_EVERY)
        wrong = departures + [f"{word} is left" for word in left]
        wrong += [f"{each} is open in the journal" for each in self._journaled()]
        if everything - since > LIMIT:
            wrong.append(f"it took more than {LIMIT:g} s")
        return {
            "devices_s": round(devices - since, 3), "seconds": round(everything - since, 3),
            "lapsed": self.eyes.lapsed - lapsed, "wrong": wrong,
        }  # fmt: skip

    def _journaled(self) -> list[str]:
        """What is open in the journal: for the record, and to be nothing at the end. Nothing else is judged by it."""
        changes = Journal(self.bench.state / "journal").open_changes
        return [f"{change.device} {change.target} was {change.was}" for _, change in changes]

    def _undisturbed(self) -> tuple[float, float, float]:
        self._settle()
        run, began = self._run(), time.time()
        if run.wait(GIVEN_UP):
            raise RuntimeError(f"{self.bench.name}: a run that nobody killed failed: {self._said('play')}")
        length = time.monotonic() - run.began
        changes = [at - began for at in self._changes()]
        self._must_be_as_before(self._outcome([run], time.monotonic()))
        return changes[0], changes[-1], length

    def _first_change(self, run: Marked) -> float:
        """Waits until a run has made a change: real seconds after its start. RuntimeError where it makes none."""
        Deadline.after(GIVEN_UP).poll(lambda: bool(self._changes()) or run.ended, every=0.01)
        if not self._changes():
            raise RuntimeError(f"{self.bench.name}: a run changed nothing: {self._said('play')}")
        return time.monotonic() - run.began

    def _changes(self) -> list[float]:
        """When the latest run made its changes, by its own word, epoch seconds."""
        lines = [line.split(" ", 2) for line in (self._folder / "play.txt").read_text().splitlines()]
        return [float(line[0]) for line in lines if line[1:] and line[1] in _CHANGES]

    def _recovery_from(self, at: float) -> float:
        """How long `bench recover` takes after a kill at that instant, without which much is not as before."""
        self._settle()
        run = self._run()
        run.sleep_until(at)
        run.kill_with_watchdog()
        if not self.eyes.look().departures(self.before):
            raise RuntimeError(f"{self.bench.name}: all is as before though nobody has put it back")
        recovery = self._recover()
        recovery.wait(GIVEN_UP)
        took = time.monotonic() - recovery.began
        self._must_be_as_before(self._outcome([run, recovery], recovery.began))
        return took

    def _must_be_as_before(self, found: Row) -> None:
        if found["wrong"]:
            raise RuntimeError(f"{self.bench.name} is not as before: {found['wrong']}")

    def _prepared(self) -> Sight:
        if self._victim("prepare").wait(GIVEN_UP):
            raise RuntimeError(f"{self.bench.name} cannot be prepared: {self._said('prepare')}")
        return self.eyes.look()

    def _settle(self) -> None:
        """Until home lets in again after its link came back."""

        def settled() -> bool:
            self.eyes.look()
            return time.time() - self.eyes.units[Role.HOME].link_changed_at > SETTLED

        Deadline.after(GIVEN_UP).poll(settled)

    def _run(self) -> Marked:
        return self._victim("play")

    def _victim(self, what: str) -> Marked:
        words = (what, self.bench.argument, str(self._folder / what))
        return Marked("benchmarks.kills_victim", *words, said=self._folder / f"{what}.txt")

    def _recover(self) -> Marked:
        words = ("recover", "--bench", self.bench.argument)
        return Marked("harness.cli", *words, said=self._folder / "recover.txt")

    def _said(self, what: str) -> str:
        return " | ".join((self._folder / f"{what}.txt").read_text().splitlines()[-5:])
