"""Sanity of a bench, looked at before each outage and after it, and put right once where there is a remedy.

Devices answer, ports and outlets are as the inventory says, every capture point shows a packet that was sent to what
it sees, clocks agree, the disk has room. For phones at home every episode waits by itself.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from harness.base.errors import BenchError, Blame, ConfigurationFault, HarnessFault, LabFault
from harness.base.secrets import mask
from harness.capture.mirrors import Sought, sought_at
from harness.capture.recorder import Recorder
from harness.drivers.protocols import Link, Power
from harness.episodes.manifest import Finding
from harness.inventory import Inventory, OutletRef, PortRef, Role
from harness.journal.door import Door

When = Literal["before", "after"]
Say = Callable[[str], None]
Remedy = tuple[()] | tuple[str, Callable[[], None]]
"""What it is, and how it is done; or none."""


@dataclass(frozen=True)
class Ill:
    """Something that is not as it must be. `remedy` says what `apply` does about it."""

    fault: BenchError
    remedy: str = ""
    apply: Callable[[], None] | None = None


class Sanity:
    """The checks of one bench. `say` is told what was found; `folder` is where recordings are written."""

    def __init__(self, inventory: Inventory, door: Door, recorder: Recorder, folder: Path, say: Say) -> None:
        self._inventory, self._door, self._recorder = inventory, door, recorder
        self._folder, self._say = folder, say

    def before(self, restart_capture: Callable[[], None]) -> list[Finding]:
        """What is found before an outage; nothing is lost then if the capture has to be started anew."""
        return self._check("before", ("the capture is started anew", restart_capture))

    def after(self) -> list[Finding]:
        """What is found after an outage, when the lab has been put back."""
        return self._check("after", ())

    def _check(self, when: When, for_captures: Remedy) -> list[Finding]:
        """Each finding that has a remedy is tried to be put right, once, and looked at again."""
        found = self._look(for_captures)
        remedies = {ill.remedy: ill.apply for ill in found if ill.apply is not None}
        for remedy, apply in remedies.items():
            self._say(f"not as it is to be; {remedy}")
            self._try(apply)
        still = {_key(ill) for ill in (self._look(for_captures) if remedies else found)}
        findings = [_finding(ill, when, mended=_key(ill) not in still) for ill in found]
        for finding in findings:
            self._say(str(finding))
        return findings

    def _try(self, apply: Callable[[], None]) -> None:
        try:
            apply()
        except BenchError as fault:
            self._say(str(fault))

    def _look(self, for_captures: Remedy) -> list[Ill]:
        """Everything at once: a device that does not answer must not make the others wait."""
        looks = [
            *self._looks(),
            *(partial(self._mirror, sought, for_captures) for sought in sought_at(self._inventory)),
        ]
        with ThreadPoolExecutor(max_workers=len(looks)) as pool:
            return [ill for found in pool.map(_ills, looks) for ill in found]

    def _looks(self) -> Iterator[Callable[[], Iterator[Ill]]]:
        for name in self._inventory.switches:
            yield partial(self._switch, name)
        for name in self._inventory.pdus:
            yield partial(self._pdu, name)
        for role, system in self._inventory.systems.items():
            if system.ssh is not None:
                yield partial(self._unit, role, "ssh")
            if system.console is not None and self._inventory.consoles[system.console].login is not None:
                yield partial(self._unit, role, "console")
        for point, capture in self._inventory.captures.items():
            if capture.sensor is not None:
                yield partial(self._clock, point)
        yield self._room

    def _switch(self, name: str) -> Iterator[Ill]:
        for port, entry in self._inventory.switches[name].ports.items():
            ref = PortRef(switch=name, port=port)
            found = self._door.port(ref)
            if found != entry.state:
                yield _otherwise(
                    f"{name} {port}", found, entry.state, partial(self._door.set_right, ref, Link(entry.state))
                )

    def _pdu(self, name: str) -> Iterator[Ill]:
        for outlet in self._inventory.pdus[name].outlets:
            ref = OutletRef(pdu=name, outlet=outlet)
            found = self._door.outlet(ref)
            if found != Power.ON:
                yield _otherwise(
                    f"{name} outlet {outlet}", found, Power.ON, partial(self._door.set_right, ref, Power.ON)
                )

    def _unit(self, role: Role, by: str) -> Iterator[Ill]:
        self._door.greet(role, by)
        yield from ()

    def _clock(self, point: str) -> Iterator[Ill]:
        low, high = self._door.skew_of(point)
        limit = self._inventory.settings.clock_skew
        if low > limit or high < -limit:
            yield Ill(
                LabFault(
                    f"its clock differs from the harness's by {(low + high) / 2:+.1f} s, and {limit:g} s are allowed.",
                    device=f"capture point {point}",
                    next_step="have both machines keep time by the same NTP server.",
                )
            )

    def _room(self) -> Iterator[Ill]:
        needed = self._inventory.settings.room_mib
        free = shutil.disk_usage(self._folder).free >> 20
        if free < needed:
            yield Ill(
                HarnessFault(
                    f"the disk under {self._folder} has {free} MiB left, and a night may need {needed}.",
                    next_step="make room (`bench recordings prune`), or state less as settings.room_mib.",
                )
            )

    def _mirror(self, sought: Sought, remedy: Remedy) -> Iterator[Ill]:
        if not self._recorder.runs(sought.point):
            return  # of which the recorder has told already
        files = self._recorder.files[sought.point]
        sought.begin(files())
        if not sought.seen(files):
            interface = self._inventory.captures[sought.point].interface
            fault = LabFault(
                f"{sought.what} was not seen there.",
                device=f"capture point {sought.point} ({interface})",
                next_step="look at the mirror session of that switch, and at the cable.",
            )
            yield Ill(fault, *remedy)


def _ills(look: Callable[[], Iterator[Ill]]) -> list[Ill]:
    """What one look finds; a device that cannot be asked is a finding, too."""
    found = []
    try:
        for ill in look():
            found.append(ill)
    except BenchError as fault:
        found.append(Ill(fault))
    return found


def _otherwise(device: str, found: str, wanted: str, apply: Callable[[], None]) -> Ill:
    fault = LabFault(
        f"it is {found}, and the inventory says {wanted}.",
        device=device,
        next_step="see who did that; then set it right, or mend the inventory.",
    )
    # What cannot be told cannot be set right either.
    return Ill(fault) if found == Link.UNKNOWN else Ill(fault, f"{device} is set to {wanted}", apply)


def _key(ill: Ill) -> tuple[str, str]:
    return ill.fault.device, ill.fault.message


def _finding(ill: Ill, when: When, *, mended: bool) -> Finding:
    fault = ill.fault
    return Finding(
        when=when,
        blame=str(fault.blame),
        device=fault.device,
        message=mask(fault.message),
        next_step=fault.next_step,
        remedy=ill.remedy,
        mended=mended,
    )


def unfit(findings: Sequence[Finding], left_by: str = "") -> BenchError | None:
    """The fault of a bench on which some of these were not mended; None where it is fit."""
    grave = [finding for finding in findings if not finding.mended]
    if not grave:
        return None
    kind = {"lab": LabFault, "configuration": ConfigurationFault}.get(grave[0].blame, HarnessFault)
    more = f" (And {len(grave) - 1} more: {'; '.join(str(finding) for finding in grave[1:])})" if grave[1:] else ""
    said = f"{grave[0].message}{f' It was left so by {left_by}.' if left_by else ''}{more}"
    return kind(said, device=grave[0].device, next_step=grave[0].next_step)


def left_so(findings: Sequence[Finding]) -> list[Finding]:
    """Those that an episode left behind at the lab: not phones, of which the tests judge."""
    return [finding for finding in findings if finding.after and finding.blame == Blame.LAB and not finding.mended]


def stray(phone: str, when: When, remedy: str = "", *, mended: bool = False) -> Finding:
    """A phone that is not at home. Where it went in an outage is for the tests to judge, not for us."""
    return Finding(
        when=when,
        blame=str(Blame.LAB if when == "before" else Blame.PRODUCT),
        device=phone,
        message="it was not seen registered at home.",
        next_step="look at its display and at home's extension list.",
        remedy=remedy,
        mended=mended,
    )


def left_by_another(line: str) -> Finding:
    """What was put back for a run that died."""
    return Finding(when="before", blame=str(Blame.HARNESS), device="", message=f"{line}.", mended=True)
