"""The only door to the devices of a lab: they are read freely, and every change is journaled before it is made."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from harness.base.clock import Deadline, now
from harness.base.errors import BenchError, ConfigurationFault, HarnessFault, LabFault
from harness.base.secrets import mask
from harness.base.stimulus import LICENCES_USED, Guise, Stimulus
from harness.base.transcripts import Transcripts
from harness.capture.sensors import Remote
from harness.drivers.answers import Answer, ProbeAnswer
from harness.drivers.protocols import Link, PathRef, Power
from harness.inventory import Bench, OutletRef, PortRef, Protocol, Role
from harness.journal.devices import Devices
from harness.journal.record import Journal, LabChange

RETRY = 0.5
"""Real seconds between two tries to put one change back."""
STRANGER = "stranger"
"""Behind a protocol: whose registration it is, where it is not the probe's own extension's."""
_ORDER = ("outlet", "port", "path", "registration")
"""Power before ports: a switch that has none cannot open one. Registrations last: they need the network."""


@dataclass(frozen=True)
class Restored:
    """What putting the lab back came to: one sentence per change, for reports."""

    restored: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether everything is as it was."""
        return not self.failures


class Door:
    """Reads devices, makes lab changes and undoes them. `owner` says in the journal whose they are.

    Sessions are opened when first needed, and kept until `close`.
    """

    def __init__(self, bench: Bench, journal: Journal, transcripts: Transcripts, owner: str) -> None:
        self.bench, self._journal, self._owner = bench, journal, owner
        self._devices = Devices(bench, transcripts)

    # What is read

    def port(self, ref: PortRef) -> Link:
        """What its switch says of a port now."""
        return self._devices.switch(ref.switch).state(ref.port)

    def path(self, ref: PathRef) -> Link:
        """What its router says of a path now."""
        return self._devices.router(ref.router).state(ref)

    def blocked(self, router: str) -> tuple[PathRef, ...]:
        """The paths that are blocked at a router now."""
        return self._devices.router(router).blocked()

    def outlet(self, ref: OutletRef) -> Power:
        """What its PDU says of an outlet now."""
        return self._devices.pdu(ref.pdu).state(ref.outlet)

    def greet(self, role: Role, by: str) -> None:
        """Have a system answer by "ssh" or "console". Raises LabFault or ConfigurationFault where it does not."""
        if by == "console":
            self._devices.console(role).greet()
            return
        self.log_in(role, by)
        if not self._devices.unit(role).reachable():
            raise LabFault("it answers no command by SSH.", device=str(role), next_step="look at its console.")

    def licences_used(self, role: Role) -> Stimulus:
        """How many licences a system says are in use, and between which instants it said so.

        Raises ConfigurationFault where what it says is not what the inventory expects.
        """
        count = self.bench.inventory.systems[role].licence_count
        if count is None:
            raise ConfigurationFault("the inventory does not say how its licences are counted.", device=str(role))
        before = now()
        found = re.search(count.used, self._devices.unit(role).run(count.command))
        if found is None or not found[1].isdecimal():
            raise ConfigurationFault(
                f"'{count.command}' shows no number where /{count.used}/ has its group.",
                device=str(role),
                next_step="see its transcript, and mend licence_count in the inventory.",
            )
        return Stimulus(LICENCES_USED, str(role), before, now(), str(int(found[1])))

    def skew_of(self, point: str) -> tuple[float, float]:
        """By how many real seconds the clock of a capture point's machine is ahead: at least and at most."""
        return self._devices.sensors()[point].skew()

    def log_in_at_switch(self, switch: str) -> None:
        """Open the session with a switch beforehand, so that a cut takes no longer than its command."""
        self._devices.switch(switch).connect()

    def log_in(self, role: Role, by: str) -> None:
        """Log in at a system by "ssh" or "console" beforehand, so that a reboot takes no longer than its command."""
        if by == "ssh":
            self._devices.unit(role).connect()
        else:
            self._devices.console(role).connect()
            self._devices.console(role).login()

    def check(self) -> None:
        """Raises LabFault where a switch or a router left its session and what was changed there is not so any more.

        Or where that cannot be known. Cheap while none has left: call it while waiting.
        """
        for _, change in self._journal.open_changes:
            ports = change.kind == "port" and self._devices.switch(change.device).dropped
            if ports or (change.kind == "path" and self._devices.router(change.device).dropped):
                self._need_changed(change)

    def sensors(self) -> dict[str, Remote]:
        """Capture point → its sensor, for those on other machines."""
        return self._devices.sensors()

    def close(self) -> None:
        """End every session."""
        self._devices.close()

    # What is changed

    def reboot(self, role: Role, by: str) -> Stimulus:
        """Reboot a system by "ssh" or "console". There is nothing to undo: it comes back by itself."""
        unit = self._devices.unit(role) if by == "ssh" else self._devices.console(role)
        before = now()
        unit.reboot()
        return Stimulus("reboot", str(role), before, now(), f"by {by}")

    def log_out(self, role: Role, phone: str, command: str) -> Stimulus:
        """Have a system log a phone out. There is nothing to undo: it logs in again by itself."""
        before = now()
        self._devices.unit(role).run(command)
        return Stimulus("log_out", phone, before, now(), f"at {role}")

    def set_port(self, ref: PortRef, wanted: Link | Power, verb: str) -> Stimulus:
        """Shut or open a switch port, read back; the bracket of when it took effect."""
        return self._change(_change_of(ref, self.port(ref)), wanted, verb, f"{ref.switch} {ref.port}")

    def set_path(self, ref: PathRef, wanted: Link, verb: str, target: str) -> Stimulus:
        """Block or open a path, read back; the bracket of when it took effect."""
        return self._change(_change_of(ref, self.path(ref)), wanted, verb, target)

    def set_outlet(self, ref: OutletRef, wanted: Link | Power, verb: str, target: str) -> Stimulus:
        """Switch an outlet, read back; the bracket of when it took effect."""
        return self._change(_change_of(ref, self.outlet(ref)), wanted, verb, target)

    def set_right(self, ref: PortRef | PathRef | OutletRef, wanted: Link | Power) -> None:
        """Bring a port, a path or an outlet into the state that it is to be in, whatever it was in: it stays so."""
        change = _change_of(ref, wanted)
        number = self._journal.intend(change, self._owner)
        try:
            self._set(change, wanted)
        finally:
            self._journal.undone(number)  # where it failed, too: there is nothing to go back to

    def register(self, protocol: Protocol, role: Role, guise: Guise = Guise.OWN) -> ProbeAnswer:
        """Try to register the probe. The intent is journaled, since the system may let it in."""
        number = self._journal.intend(_registration(protocol, role, guise), self._owner)
        wrong = SecretStr(secrets.token_urlsafe()) if guise is Guise.WRONG_PASSWORD else None
        answer = self._devices.probe(protocol, stranger=guise is Guise.STRANGER).register(role, wrong)
        if answer.answer is Answer.ACCEPTED:
            self._journal.done(number, answer.handle)
        elif answer.answer is not Answer.UNANSWERED:
            # Without an answer nobody knows whether it was let in: the change stays open and is undone later.
            self._journal.undone(number)
        return answer

    def refresh(self, protocol: Protocol, role: Role) -> ProbeAnswer:
        """Keep a registration of the probe alive: what is open in the journal for it stays so."""
        return self._devices.probe(protocol, stranger=False).refresh(role)

    def withdraw(self, protocol: Protocol, role: Role, guise: Guise = Guise.OWN) -> None:
        """Take the probe's registration back; without an answer it stays open, to be tried again later."""
        probe = self._devices.probe(protocol, stranger=guise is Guise.STRANGER)
        if probe.withdraw(role).answer is not Answer.UNANSWERED:
            self._settle(self._open_changes_of(_registration(protocol, role, guise)))

    def put_back(self, seconds: float, tell: Callable[[str], None]) -> Restored:
        """Undo all that is open, the latest change of each kind first; what fails is tried again for `seconds` (real).

        All are tried once before any is tried again, so that one dead device costs the others nothing. Once nothing is
        open, the journal begins anew.
        """
        if self._journal.damaged:
            tell(
                f"{self._journal.damaged} bytes of {self._journal.path} are damaged and were passed over;"
                " look at ports and outlets"
            )
        changes = sorted(self._journal.open_changes, key=lambda item: (_ORDER.index(item[1].kind), -item[0]))
        faults: dict[int, BenchError | None] = {}
        left, deadline = changes, Deadline.after(seconds)
        while left:
            for number, change in left:
                if number not in faults:
                    tell(f"putting {_what(change)}")
                faults[number] = self._undo(number, change)
            # Neither a refused login nor a full disk gets better by asking again.
            left = [] if deadline.passed else [item for item in left if isinstance(faults[item[0]], LabFault)]
            time.sleep(RETRY if left else 0)
        self._journal.forget_settled()
        return Restored(
            tuple(_what(change) for number, change in changes if faults[number] is None),
            tuple(
                mask(f"{_what(change)}: {faults[number]}") for number, change in changes if faults[number] is not None
            ),
        )

    def _change(self, change: LabChange, wanted: Link | Power, verb: str, target: str) -> Stimulus:
        if change.was == Link.UNKNOWN:
            raise LabFault(
                f"its state cannot be told, so nothing was changed ({change.target}).",
                device=change.device,
                next_step="look at the device.",
            )
        earlier = self._open_changes_of(change)
        # What was the state before the first of them is what counts.
        undoes = bool(earlier) and earlier[0][1].was == wanted
        if undoes and change.was == wanted:
            self._settle(earlier)
            raise _changed_by_others(change, "find out who did it, or whether the device was restarted.")
        number = earlier[0][0] if earlier else self._journal.intend(change, self._owner)
        before = now()
        self._set(change, wanted)
        after = now()
        if undoes:
            self._settle(earlier)
        else:
            self._journal.done(number)
        return Stimulus(verb, target, before, after)

    def _settle(self, changes: list[tuple[int, LabChange]]) -> None:
        for number, _ in changes:
            self._journal.undone(number)

    def _need_changed(self, change: LabChange) -> None:
        reloaded = "did it reload? See its log and its uptime."
        try:
            state = self._state(change)
        except LabFault as fault:
            raise LabFault(
                f"it left its session in the middle of the outage and cannot be asked for {change.target}"
                f" ({fault.message.rstrip('.')}).",
                device=change.device,
                next_step=reloaded,
            ) from None
        if state.value == change.was:
            raise _changed_by_others(change, reloaded)

    def _open_changes_of(self, change: LabChange) -> list[tuple[int, LabChange]]:
        """The open changes of the same thing, oldest first."""
        return [each for each in self._journal.open_changes if each[1].thing == change.thing]

    def _undo(self, number: int, change: LabChange) -> BenchError | None:
        """Bring back what was; None, or why it could not be, or not be noted."""
        try:
            self._back(change)
            self._journal.undone(number)
        except BenchError as error:
            return error
        except Exception as error:
            return HarnessFault(f"{type(error).__name__}: {error}.", next_step="put it back by hand; report this.")
        return None

    def _back(self, change: LabChange) -> None:
        if change.kind == "registration":
            # Where the system cannot be reached the binding lapses by itself; that is no fault of the lab.
            protocol, _, who = change.target.partition(" ")
            probe = self._devices.probe(Protocol(protocol), stranger=who == STRANGER)
            probe.withdraw(Role(change.device), change.handle)
        else:
            self._set(change, Link(change.was))

    def _state(self, change: LabChange) -> Link:
        if change.kind == "port":
            return self.port(PortRef(switch=change.device, port=change.target))
        return self.path(PathRef.of(change.device, change.target))

    def _set(self, change: LabChange, wanted: Link | Power) -> None:
        if change.kind == "port":
            switch = self._devices.switch(change.device)
            (switch.open if wanted == Link.ON else switch.shut)(change.target)
        elif change.kind == "path":
            router = self._devices.router(change.device)
            (router.open if wanted == Link.ON else router.block)(PathRef.of(change.device, change.target))
        else:
            pdu = self._devices.pdu(change.device)
            (pdu.on if wanted == Link.ON else pdu.off)(int(change.target))


def _change_of(ref: PortRef | PathRef | OutletRef, was: Link | Power) -> LabChange:
    if isinstance(ref, PortRef):
        return LabChange("port", ref.switch, ref.port, was.value)
    if isinstance(ref, PathRef):
        return LabChange("path", ref.router, ref.target, was.value)
    return LabChange("outlet", ref.pdu, str(ref.outlet), was.value)


def _registration(protocol: Protocol, role: Role, guise: Guise) -> LabChange:
    """What was let in with a wrong password is a registration of the probe's own extension."""
    target = f"{protocol} {STRANGER}" if guise is Guise.STRANGER else str(protocol)
    return LabChange("registration", str(role), target, "off")


def _changed_by_others(change: LabChange, next_step: str) -> LabFault:
    return LabFault(
        f"it is {change.was} again in the middle of the outage, and not by this run.",
        device=f"{change.device} {change.target}",
        next_step=next_step,
    )


def _what(change: LabChange) -> str:
    return f"{change.device} {change.target} back to {change.was}"
