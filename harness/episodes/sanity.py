"""Sanity of a bench, looked at before each outage and after it, and put right once where there is a remedy.

Devices answer, ports and outlets are as the inventory says, no path is blocked, every capture point shows a packet
that was sent to what it sees, clocks agree, the disk has room. For phones at home every episode waits by itself.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from harness.base.clock import Deadline
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
AGAIN_EVERY = 1.0
"""Real seconds between two looks at a unit that may still be booting."""


@dataclass(frozen=True)
class Ill:
    """Something that is not as it must be. `remedy` says what `apply` does about it."""

    fault: BenchError
    remedy: str = ""
    apply: Callable[[], None] | None = None


Look = Callable[[], Iterator[Ill]]
Found = dict[str, list[Ill]]
"""Name of a look → what it found."""


class Sanity:
    """The checks of one bench. `say` is told what was found; `folder` is where recordings are written."""

    def __init__(self, inventory: Inventory, door: Door, recorder: Recorder, folder: Path, say: Say) -> None:
        self._inventory, self._door, self._recorder = inventory, door, recorder
        self._folder, self._say = folder, say

    def before(self, restart_capture: Callable[[], None]) -> list[Finding]:
        """What is found before an outage: nothing is lost then if the capture has to be started anew.

        A unit may still be booting, from an earlier episode or since its outlet was put back: it is given the time.
        """
        mirrors = self._mirrors(must_run=True)
        units = self._units()
        looks = {**self._others(), **units, **mirrors}
        found = self._look(looks)
        self._remedy(found)
        if any(found[name] for name in mirrors):
            self._say("not as it is to be; the capture is started anew")
            self._try(restart_capture)
        boot = max(system.boot_time for system in self._inventory.systems.values())
        again = {name: looks[name] for name in (*_remedied(found), *_unheard(found, [*units, *mirrors]))}
        still = self._look_again(again, {*units, *mirrors}, self._inventory.settings.scale.to_real(boot))
        also = dict.fromkeys(units, "given time to boot") | dict.fromkeys(mirrors, "the capture is started anew")
        return self._findings("before", found, still, set(again), also)

    def after(self) -> list[Finding]:
        """What is found after an outage, when the lab has been put back."""
        looks = {**self._others(), **self._units(), **self._mirrors(must_run=False)}
        found = self._look(looks)
        self._remedy(found)
        again = {name: looks[name] for name in _remedied(found)}
        return self._findings("after", found, self._look_again(again, set(), 0.0), set(again), {})

    def _look(self, looks: Mapping[str, Look]) -> Found:
        """Everything at once: a device that does not answer must not make the others wait."""
        if not looks:
            return {}
        with ThreadPoolExecutor(max_workers=len(looks)) as pool:
            return dict(zip(looks, pool.map(_ills, looks.values()), strict=True))

    def _look_again(self, looks: Mapping[str, Look], patient: set[str], patience: float) -> Found:
        """What is found still. Those that are `patient` are looked at for as many real seconds."""
        deadline, found = Deadline.after(patience), self._look(looks)
        while any(found[name] for name in patient & set(found)) and not deadline.passed:
            time.sleep(AGAIN_EVERY)
            found |= self._look({name: looks[name] for name in patient & set(found) if found[name]})
        return {name: ills for name, ills in found.items() if ills}

    def _remedy(self, found: Found) -> None:
        """Apply every remedy once, those of one device one after another."""
        for ill in (ill for ills in found.values() for ill in ills if ill.remedy):
            self._say(f"not as it is to be; {ill.remedy}")
        of_devices = [[ill.apply for ill in ills if ill.apply is not None] for ills in found.values()]
        with ThreadPoolExecutor(max_workers=max(1, len(of_devices))) as pool:
            list(pool.map(self._try_all, of_devices))

    def _try_all(self, remedies: Sequence[Callable[[], None]]) -> None:
        for apply in remedies:
            self._try(apply)

    def _try(self, apply: Callable[[], None]) -> None:
        try:
            apply()
        except BenchError as fault:
            self._say(str(fault))

    def _findings(
        self, when: When, found: Found, still: Found, again: set[str], also: Mapping[str, str]
    ) -> list[Finding]:
        """All that was found. `also`: what was done about a look as a whole; `again`: the looks that were repeated."""
        findings = []
        for name, ills in found.items():
            left = {ill.fault.device for ill in still.get(name, ())}
            done = also.get(name, "") if name in again else ""
            for ill in ills:
                mended = name in again and ill.fault.device not in left
                findings.append(_finding(ill.fault, when, ill.remedy or done, mended=mended))
        for name, ills in still.items():
            known = {ill.fault.device for ill in found[name]}
            findings += [_finding(ill.fault, when) for ill in ills if ill.fault.device not in known]
        for finding in findings:
            self._say(str(finding))
        return findings

    def _others(self) -> dict[str, Look]:
        sensors = [point for point, capture in self._inventory.captures.items() if capture.sensor is not None]
        return {
            **{f"switch {name}": partial(self._switch, name) for name in self._inventory.switches},
            **{f"router {name}": partial(self._router, name) for name in self._inventory.routers},
            **{f"pdu {name}": partial(self._pdu, name) for name in self._inventory.pdus},
            **{f"clock {point}": partial(self._clock, point) for point in sensors},
            "disk": self._room,
        }

    def _units(self) -> dict[str, Look]:
        found: dict[str, Look] = {}
        for role, system in self._inventory.systems.items():
            if system.ssh is not None:
                found[f"{role} ssh"] = partial(self._unit, role, "ssh")
            if system.console is not None:
                found[f"{role} console"] = partial(self._unit, role, "console")
        return found

    def _mirrors(self, *, must_run: bool) -> dict[str, Look]:
        sought = sought_at(self._inventory)
        return {f"mirror {one.point}": partial(self._mirror, one, must_run=must_run) for one in sought}

    def _switch(self, name: str) -> Iterator[Ill]:
        for port, entry in self._inventory.switches[name].ports.items():
            ref = PortRef(switch=name, port=port)
            found = self._door.port(ref)
            if found != entry.state:
                yield _otherwise(
                    f"{name} {port}", found, entry.state, partial(self._door.set_right, ref, Link(entry.state))
                )

    def _router(self, name: str) -> Iterator[Ill]:
        for ref in self._door.blocked(name):
            yield _otherwise(str(ref), Link.OFF, Link.ON, partial(self._door.set_right, ref, Link.ON))

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

    def _mirror(self, sought: Sought, *, must_run: bool) -> Iterator[Ill]:
        device = f"capture point {sought.point} ({self._inventory.captures[sought.point].interface})"
        if not self._recorder.runs(sought.point):
            if must_run:  # else the recorder has told of it already
                yield Ill(HarnessFault("no capture runs there.", device=device, next_step="look at its dumpcap."))
            return
        files = self._recorder.files[sought.point]
        sought.begin(files())
        if not sought.seen(files):
            step = "look at the mirror session of that switch, and at the cable."
            yield Ill(LabFault(f"{sought.what} was not seen there.", device=device, next_step=step))


def _ills(look: Look) -> list[Ill]:
    """What one look finds; a device that cannot be asked is a finding, too."""
    found = []
    try:
        for ill in look():
            found.append(ill)
    except BenchError as fault:
        found.append(Ill(fault))
    except Exception as error:
        found.append(Ill(HarnessFault(f"{type(error).__name__}: {error}.", next_step="report this.")))
    return found


def _otherwise(device: str, found: str, wanted: str, apply: Callable[[], None]) -> Ill:
    fault = LabFault(
        f"it is {found}, and the inventory says {wanted}.",
        device=device,
        next_step="see who did that; then set it right, or mend the inventory.",
    )
    # What cannot be told cannot be set right either.
    return Ill(fault) if found == Link.UNKNOWN else Ill(fault, f"{device} is set to {wanted}", apply)


def _remedied(found: Found) -> list[str]:
    """The looks that found something about which something was done."""
    return [name for name, ills in found.items() if any(ill.apply is not None for ill in ills)]


def _unheard(found: Found, units: Iterable[str]) -> list[str]:
    """Units that do not answer yet. A refused login gets no better by asking again, and may lock the account."""
    return [name for name in units if found[name] and not any(map(_is_configuration, found[name]))]


def _is_configuration(ill: Ill) -> bool:
    return isinstance(ill.fault, ConfigurationFault)


def _finding(fault: BenchError, when: When, remedy: str = "", *, mended: bool = False) -> Finding:
    return Finding(
        when=when,
        blame=str(fault.blame),
        device=fault.device,
        message=mask(fault.message),
        next_step=mask(fault.next_step),
        remedy=remedy,
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
