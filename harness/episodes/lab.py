"""`Lab`: the one object through which anything is done to a bench."""

import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType

from harness.base.clock import ClockPair, now
from harness.base.errors import BenchError, ConfigurationFault, LabFault, on_bench
from harness.base.signals import uninterrupted
from harness.base.stimulus import Stimulus
from harness.base.transcripts import Transcripts
from harness.base.units import BenchSeconds
from harness.capture.host import HostWatch
from harness.capture.recorder import Recorder
from harness.drivers.protocols import Link, PathRef, Power
from harness.episodes import bounds
from harness.episodes.homecoming import Homecoming
from harness.episodes.live import LiveView
from harness.episodes.manifest import Clocks, FaultFound, Finding, PutBack, Waited
from harness.episodes.paths import line_path
from harness.episodes.probing import Probing
from harness.episodes.sanity import Sanity, left_by_another, unfit
from harness.episodes.watching import Waiting, Watcher
from harness.episodes.writing import write_recording
from harness.inventory import Bench, OutletRef, Phone, PortRef, Role, System
from harness.journal.deeds import Deeds, told
from harness.journal.door import Door
from harness.journal.lease import Lease
from harness.journal.record import Journal
from harness.journal.watchdog import Watchdog
from harness.timeline.stimuli import LINE, path_name

UNDO_SECONDS = 20.0
"""Real seconds given to putting back one change before it is reported as not put back."""
AFTER_KEEPALIVE = 0.03
"""Real seconds left for a keepalive to pass before the stimulus is given."""
POLL = 0.05
"""Real seconds between two looks at what is waited for."""


class Lab:
    """A bench in use: lease, journal, capture and drivers, and the verbs of an episode.

    A context manager: entering takes the lease, puts back what an earlier run left, starts the
    capture; leaving, however that comes about, puts the lab back and closes the recording.
    """

    def __init__(self, bench: Bench, episode: str, folder: Path, watcher: Watcher, wait_for_bench: float = 0.0) -> None:
        self.bench, self.inventory, self.folder = bench, bench.inventory, folder
        self.episode = episode
        self.stimuli: list[Stimulus] = []
        self.waits: list[Waited] = []
        self.clocks: list[Clocks] = []
        self.fault: FaultFound | None = None
        self.put_back: PutBack | None = None
        self.findings: list[Finding] = []
        self._closed = False
        self._watcher, self._wait_for_bench = watcher, wait_for_bench
        self._scale = bench.inventory.settings.scale
        self._lease = Lease(bench.state, bench.name, episode)
        self._journal = Journal(bench.state / "journal")
        self._watchdog = Watchdog(self._lease, recover_command(bench), folder / "watchdog.txt")
        owner = f"{episode} in {folder.name}"
        self.door = Door(bench, self._journal, Transcripts(folder / "transcripts"), owner)
        self.recorder = Recorder(
            bench.inventory, folder / "capture", f"bench {bench.name}; episode {episode}", self.door.sensors()
        )
        self._sanity = Sanity(bench.inventory, self.door, self.recorder, folder, watcher.say)
        self._host = HostWatch(folder)
        self.live = LiveView(bench.inventory)
        self.probes = Probing(self)
        self._homecoming = Homecoming(self)

    def __enter__(self) -> "Lab":
        with on_bench(self.bench.name):
            self._begin()
        try:
            self._need_fitness()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _begin(self) -> None:
        _refuse_undisturbable(self.bench)
        self._make_folder()
        self._lease.acquire(self._wait_for_bench)
        try:
            self._watchdog.start()
            self._recover()
            self.began = now()
            self._watcher.say(f"capturing at {', '.join(self.inventory.captures)}")
            self._host.start()
            self.recorder.start()
            self.live.follow(self.recorder.files)
        except BaseException:
            self.live.close()
            self.recorder.abort()
            self._host.stop()
            self.door.close()
            self._watchdog.dismiss()
            self._lease.release()
            raise
        self._read_clocks()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, BenchError):
            error.bench = error.bench or self.bench.name
        if error is not None and self.fault is None:
            self.fault = _fault(error)
        try:
            self.close()
        except BenchError as second:
            # What came first is the cause, and what is to be raised.
            if error is None:
                raise
            self._watcher.say(str(second))

    def close(self) -> None:
        """Put the lab back and close the recording. Once done, nothing more."""
        if self._closed:
            return
        self._closed = True
        try:
            with uninterrupted():
                self.put_back = self._put_back()
            if self.fault is None:
                self._look_afterwards()
        finally:
            with uninterrupted():
                self._close_recording()

    def _look_afterwards(self) -> None:
        """After an episode that was played to its end; else the next one looks before it begins."""
        try:
            self.findings += self._sanity.after()
            self.findings += self._homecoming.astray()
        except KeyboardInterrupt:
            self._watcher.say("interrupted: the bench was not looked at any more")

    def _close_recording(self) -> None:
        try:
            self._read_clocks()
            self.live.close()
            with on_bench(self.bench.name):
                captured = self.recorder.stop()
        finally:
            self._host.stop()
            self.door.close()
            if self.put_back is not None:  # else that is left to the watchdog
                self._watchdog.dismiss()
                self._lease.release()
        # The bench is free from here on; the transcripts have their last lines.
        with on_bench(self.bench.name):
            write_recording(self, captured, self.put_back or PutBack(clean=False, failures=("nobody knows what",)))

    # What can be done

    def cut(self, device: str) -> None:
        """Shut the switch port of `device` (a system's role or a phone's name)."""
        self._stimulus(self.door.set_port(self._port(device), Link.OFF, "cut"))

    def restore(self, device: str) -> None:
        """Open it again."""
        self._stimulus(self.door.set_port(self._port(device), Link.ON, "restore"))

    def block(self, phone: str, role: Role) -> None:
        """Have the phone's router drop all between the phone and the network of a system, without a word to either."""
        self._set_path(phone, role, Link.OFF, "block")

    def unblock(self, phone: str, role: Role) -> None:
        """Have it passed again."""
        self._set_path(phone, role, Link.ON, "unblock")

    def cut_line(self) -> None:
        """Have a router drop all between the two systems, which both go on running."""
        self._stimulus(self.door.set_path(line_path(self.inventory), Link.OFF, "cut", LINE))

    def restore_line(self) -> None:
        """Have it passed again."""
        self._stimulus(self.door.set_path(line_path(self.inventory), Link.ON, "restore", LINE))

    def power_off(self, device: str) -> None:
        """Switch the outlet of `device` off."""
        self._stimulus(self.door.set_outlet(self._outlet(device), Power.OFF, "power_off", device))

    def power_on(self, device: str) -> None:
        """Switch it on again."""
        self._stimulus(self.door.set_outlet(self._outlet(device), Power.ON, "power_on", device))

    def power_cycle(self, device: str, off_for: float = 10.0) -> None:
        """Off for `off_for` bench seconds, and on."""
        self.power_off(device)
        self.watch(off_for, f"{device} to lose all charge")
        self.power_on(device)

    def take_away(self, device: str) -> None:
        """Have it be no longer there: by its outlet, or by its switch port where it hangs on none."""
        (self.power_off if self._wired(device).outlet else self.cut)(device)

    def bring_back(self, device: str) -> None:
        """Undo `take_away`."""
        (self.power_on if self._wired(device).outlet else self.restore)(device)

    def log_in_at_switch(self, device: str) -> None:
        """Open the session with the switch of `device` beforehand, so that a cut takes no longer than its command."""
        self.door.log_in_at_switch(self._port(device).switch)

    def log_in(self, role: Role, by: str) -> None:
        """Log in at a system by "ssh" or "console" beforehand, so that a reboot takes no longer than its command."""
        self.door.log_in(role, by)

    def reboot(self, role: Role, by: str) -> None:
        """Reboot a system by "ssh" or "console". Nothing to undo: it comes back by itself."""
        self._stimulus(self.door.reboot(role, by))

    def log_out(self, phone: str, role: Role) -> None:
        """Have the system at which it is registered log a phone out; it logs in again by itself."""
        command = self.inventory.systems[role].log_out_command
        if command is None:
            raise ConfigurationFault(
                "the inventory states no command that logs a phone out.",
                device=str(role),
                bench=self.bench.name,
                next_step="state 'log_out_command' there, or do without.",
            )
        extension = self.inventory.phones[phone].extension
        self._stimulus(self.door.log_out(role, phone, command.replace("{extension}", extension)))

    @contextmanager
    def probing(self, every: float) -> Iterator[None]:
        """Have the probe try at the failover system each `every` bench seconds meanwhile."""
        with self.probes.trying(every):
            yield

    def register_probes_at_home(self) -> None:
        """Register the probe's own extensions at home, like phones, so that home's records hold them."""
        self.probes.register_at_home()

    def probe_unentitled(self) -> None:
        """Have the probe try at the failover system as those whom it must not let in; takes back what it let in."""
        self.probes.try_unentitled()

    def count_licences(self, role: Role) -> None:
        """Have a system say how many of its licences are in use, where the inventory knows how."""
        if self.inventory.systems[role].licence_count is not None:
            self._stimulus(self.door.licences_used(role))

    # What can be waited for

    def now(self) -> float:
        """Epoch seconds on the harness clock."""
        return now()

    def registered(self, phone: str, role: Role, since: float) -> bool:
        """Whether the wire showed `phone` accepted or confirmed at `role` since the epoch second `since`."""
        return self.live.registered(self.inventory.telephones[phone].extension, role, since)

    def sees_home(self, since: float) -> bool:
        """Whether the wire showed home's end of the line between the systems alive after the epoch second `since`."""
        return (self.live.last_keepalive or 0.0) > since

    def await_all_at_home(self) -> None:
        """Wait until every phone that can be read was seen at home; who is not is re-powered, once.

        Raises LabFault that names who is not even then.
        """
        self._homecoming.wait()

    def after_next_keepalive(self) -> None:
        """Wait until just after a keepalive of the line from home, so that the loss is known narrowly (clauses.md).

        The live view is some tenths of a second late, so the next one is told from the last and the period: from one
        that passed lately, waited for only where there is none.
        """
        period = self._scale.to_real(self.inventory.line.keepalive.period)
        lately = now() - 1.5 * period
        self.wait_for(
            "a keepalive of the line",
            lambda: (self.live.last_keepalive or 0) > lately,
            3 * self.inventory.line.keepalive.period,
        )
        last = self.live.last_keepalive
        if last is not None:
            periods = math.ceil((now() - last) / period)
            time.sleep(max(0.0, last + periods * period + AFTER_KEEPALIVE - now()))

    def watch(self, bench_seconds: float, what: str) -> None:
        """Let that much time pass, with the capture and the probe going on."""
        self._wait(what, lambda: False, bench_seconds)

    def watch_since(self, at: float, bench_seconds: float, what: str) -> None:
        """As `watch`, counted from the epoch second `at`."""
        self.watch(max(0.0, bench_seconds - self._scale.to_bench(now() - at)), what)

    def watch_until_lapsed(self, phone: str, role: Role) -> None:
        """Let time pass until the registration of a phone that is off has surely lapsed at `role`."""
        extension, margin = self.inventory.telephones[phone].extension, self._scale.to_real(bounds.SETTLING)
        # Its last refresh may be seen only now.
        while (lapses := self.live.lapses_at(extension, role)) is not None and now() < lapses + margin:
            self.watch(self._scale.to_bench(lapses + margin - now()), f"the registration of {phone} at {role} to lapse")

    def wait_for(self, what: str, condition: Callable[[], bool], within: float) -> bool:
        """Wait until `condition` holds, at most `within` bench seconds; whether it came to hold."""
        return self._wait(what, condition, within)

    def _wait(self, what: str, condition: Callable[[], bool], within: float) -> bool:
        began, start = now(), time.monotonic()
        until = start + self._scale.to_real(within)
        self.live.update()
        happened = condition()
        while not happened and time.monotonic() < until:
            time.sleep(max(0.0, min(POLL, until - time.monotonic())))
            self.recorder.check()
            self.live.update()
            self.probes.step()
            self._keep_alive()
            self._watcher.waiting(self._moment(what, began, within))
            happened = condition()
        self.waits.append(Waited(what=what, began=began, ended=now(), happened=happened))
        self._read_clocks()
        return happened

    def _keep_alive(self) -> None:
        """Our own sign of life, and a look at whoever waits for our death."""
        self._lease.renew()
        self.door.check()
        if self._watchdog.check():
            self._watcher.say("the watchdog had died; another one watches now")

    def _moment(self, what: str, began: float, within: float) -> Waiting:
        since = self._bench_seconds(began)
        return Waiting(what, since, self._bench_seconds(now()), since + within, self.live.places())

    def _bench_seconds(self, at: float) -> BenchSeconds:
        return self._scale.to_bench(at - self.began)

    # How it begins and ends

    def _recover(self) -> None:
        self._journal.read()  # what stood there before the bench was ours may have changed meanwhile
        for deed in Deeds(self.bench.state).tell():
            for line in told(deed):
                self._watcher.say(line)
                self.findings.append(left_by_another(line))
        if self._journal.open_changes:
            self._watcher.say("an earlier run left this bench changed; putting it back first")
        found = self.door.put_back(UNDO_SECONDS, self._watcher.say)
        self.findings += [
            left_by_another(f"this run put {what}, as an earlier one had left it changed") for what in found.restored
        ]
        if not found.clean:
            raise LabFault(
                f"what an earlier run left cannot be put back: {'; '.join(found.failures)}.",
                bench=self.bench.name,
                next_step="put it back by hand, then `bench recover`.",
            )

    def _need_fitness(self) -> None:
        """Nothing is begun on a bench that is not as it is to be and cannot be put right."""
        self.findings += self._sanity.before(self._restart_capture)
        fault = unfit(self.findings)
        if fault is not None:
            raise fault

    def _restart_capture(self) -> None:
        self.live.close()
        self.recorder.abort()
        shutil.rmtree(self.folder / "capture")
        self.recorder.start()
        self.live = LiveView(self.inventory)
        self.live.follow(self.recorder.files)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationFault(
                f"the folder {self.folder} for the recording cannot be made ({error.strerror}).",
                next_step="name another one.",
            ) from None

    def _put_back(self) -> PutBack:
        found = self.door.put_back(UNDO_SECONDS, self._watcher.say)
        for failure in found.failures:
            self._watcher.say(f"NOT put back: {failure}")
        return PutBack(clean=found.clean, restored=found.restored, failures=found.failures)

    def _stimulus(self, stimulus: Stimulus) -> None:
        self.stimuli.append(stimulus)
        self._watcher.say(f"{stimulus.verb} {stimulus.target} {stimulus.note}".rstrip())

    def record(self, stimulus: Stimulus) -> None:
        """Keep a stimulus that a part of the lab (the probe) gave by itself."""
        self.stimuli.append(stimulus)

    def _read_clocks(self) -> None:
        pair = ClockPair.read()
        self.clocks.append(Clocks(realtime=pair.realtime, monotonic=pair.monotonic))

    def _port(self, device: str) -> PortRef:
        return self._wired(device).port

    def _wired(self, device: str) -> System | Phone:
        return self.inventory.systems[Role(device)] if device in set(Role) else self.inventory.telephones[device]

    def _set_path(self, phone: str, role: Role, wanted: Link, verb: str) -> None:
        router, address = self.inventory.router_of(phone), self.live.address(self.inventory.phones[phone].extension)
        if router is None:
            raise ConfigurationFault(
                "no router is stated on which its paths can be blocked.", device=phone,
                next_step="name the 'router' of its site in the inventory.",
            )  # fmt: skip
        if address is None:
            raise LabFault(
                "its address is not known: it was not seen to register.", device=phone,
                next_step="look whether its port is mirrored.",
            )  # fmt: skip
        network = self.inventory.sites[self.inventory.systems[role].site].network_for(ip_address(address))
        if network is None:
            raise ConfigurationFault(
                f"it registers by IPv6, and the {role} system's site has none.", device=phone,
                next_step="state 'ipv6' of that site in the inventory.",
            )  # fmt: skip
        ref = PathRef(router, ip_address(address), network)
        self._stimulus(self.door.set_path(ref, wanted, verb, path_name(phone, role)))

    def _outlet(self, device: str) -> OutletRef:
        entry = self._wired(device)
        if entry.outlet is None:
            raise ConfigurationFault(
                "it hangs on no outlet.",
                device=device,
                bench=self.bench.name,
                next_step="name one in the inventory.",
            )
        return entry.outlet


def recover_command(bench: Bench) -> list[str]:
    """What puts the lab back after this process is dead."""
    return [sys.executable, "-m", "harness.cli", "recover", "--bench", bench.argument]


def _fault(error: BaseException) -> FaultFound:
    if isinstance(error, BenchError):
        return FaultFound(blame=str(error.blame), device=error.device, message=error.message, next_step=error.next_step)
    if isinstance(error, KeyboardInterrupt):
        return FaultFound(blame="harness", device="", message="interrupted by the user")
    return FaultFound(blame="harness", device="", message=f"{type(error).__name__}: {error}")


def _refuse_undisturbable(bench: Bench) -> None:
    if bench.inventory.settings.disruptive != "allowed":
        raise ConfigurationFault(
            "its inventory does not allow disruptive tests.",
            bench=bench.name,
            next_step="set settings.disruptive: allowed if nobody depends on that lab.",
        )
