"""A recording on disk, read to be judged: always the same way, minutes or years after it was made."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from harness.base.errors import HarnessFault, LabFault
from harness.base.interval import Interval, Never
from harness.base.stimulus import Stimulus
from harness.base.units import EpochSeconds, RealSeconds
from harness.capture.decoder import Decoded, decode
from harness.capture.host import CLOCK_STEP, Sample, clock_steps, samples, worst_lag
from harness.capture.products import products_seen
from harness.capture.sights import Sights, joined
from harness.capture.topology import topology_of
from harness.episodes.manifest import FILE, Captured, Manifest
from harness.episodes.writing import sha256
from harness.inventory import Inventory, Phone, Protocol, Role
from harness.timeline import Block, LineTimeline, Outage, Registrations, Timeline, Turn, leaked, normal_operation
from harness.timeline.line import SILENT_PERIODS


@dataclass(frozen=True)
class Damage:
    """Why the evidence of a window (bench seconds) is not to be relied on; without a window: of all of it."""

    reason: str
    window: Interval | None = None

    def touches(self, window: Interval) -> bool:
        """Whether it lies, even in part, within `window`."""
        return self.window is None or (self.window.low <= window.high and window.low <= self.window.high)


@dataclass(frozen=True, eq=False)
class Recording:
    """What one episode left. Everything it tells is in bench seconds since it began."""

    folder: Path
    manifest: Manifest

    @classmethod
    def load(cls, folder: Path) -> "Recording":
        """The recording in `folder`, its files checked against their hashes. Raises HarnessFault."""
        manifest = Manifest.read(folder)
        if manifest.episode != folder.resolve().name:
            raise HarnessFault(
                f"{folder} holds a recording of {manifest.episode}.", next_step="give the folder its own recording."
            )
        unseen = set(manifest.inventory.get("captures", ())) - {capture.point for capture in manifest.captures}
        if unseen:
            raise HarnessFault(
                f"{folder} lacks the capture at {', '.join(sorted(unseen))}.", next_step="record it again."
            )
        check_files(folder, manifest)
        return cls(folder, manifest)

    @cached_property
    def inventory(self) -> Inventory:
        """The bench as it was described then."""
        try:
            return Inventory.model_validate(self.manifest.inventory)
        except ValidationError as error:
            raise HarnessFault(
                f"{self.folder / FILE} holds an inventory of another version ({error.error_count()} differences).",
                next_step="judge it with the version that recorded it.",
            ) from None

    @property
    def damage(self) -> tuple[str, ...]:
        """Why its evidence, or some of it, is not to be relied on; nothing if all of it is."""
        return tuple(found.reason for found in self.damages)

    def damage_within(self, window: Interval | None) -> tuple[str, ...]:
        """The same, but only of what touches a window of bench seconds; nor may a capture begin or end within it."""
        if window is None:
            return self.damage
        return tuple(found.reason for found in (*self.damages, *self._unseen()) if found.touches(window))

    @cached_property
    def damages(self) -> tuple[Damage, ...]:
        """Everything that is wrong with the evidence, and when it is."""
        found = [damage for capture in self.manifest.captures for damage in self._damages_of(capture)]
        # The harness's own end mark is in a capture even where nothing is mirrored to it.
        showed = {seen.point for event in self.decoded.events for seen in event.sightings}
        found += [
            Damage(f"the capture at {one.point} shows nothing of the bench")
            for one in self.manifest.captures
            if one.point not in showed
        ]
        found += [
            Damage(f"{role} was not seen on the line from {outage.lost.low:.0f} s on, though nothing was done to it")
            for role in Role
            for outage in self.timeline.unexplained_outages(role)
            if not self._is_a_step(outage)
        ]
        found += [Damage(f"the capture at {each.point}: {each.text}") for each in self.decoded.clock_doubts]
        return (*found, *self._clock_steps())

    def lag_within(self, window: Interval | None) -> RealSeconds:
        """By how many real seconds the harness's host was late at the worst, within a window of bench seconds."""
        window = window or self.whole
        clock = self.timeline.clock
        return worst_lag(self._host, clock.epoch(window.low), clock.epoch(window.high))

    @cached_property
    def decoded(self) -> Decoded:
        """The events of its captures."""
        captures = self.manifest.captures
        return decode(
            {capture.point: self.files_of(capture) for capture in captures},
            topology_of(self.inventory),
            EpochSeconds(self.manifest.ended),
            [capture.point for capture in captures if capture.own_clock],
            self.keys,
        )

    @cached_property
    def timeline(self) -> Timeline:
        """Its events in bench seconds, by phone, system and line."""
        ours = [capture.point for capture in self.manifest.captures if not capture.own_clock]
        sights: dict[str, list[Sights]] = {}
        for point in ours:
            for device, seen in self.decoded.sights.get(point, {}).items():
                sights.setdefault(device, []).append(seen)
        return Timeline.build(
            self.inventory,
            self.decoded.events,
            self.stimuli,
            EpochSeconds(self.manifest.began),
            EpochSeconds(self.manifest.ended),
            self.decoded.offsets,
            {device: joined(several) for device, several in sights.items()},
            EpochSeconds(min((one.ended for one in self.manifest.captures), default=self.manifest.ended)),
        )

    def unreadable(self, phone: Phone) -> str:
        """Why nobody can tell what this phone registered, "" where it can be told."""
        if not phone.encrypted or self.keys:
            return ""
        return "no key: its registrations are encrypted, and no capture point has TLS session keys"

    @cached_property
    def stimuli(self) -> tuple[Stimulus, ...]:
        """What was done to the bench; epoch seconds."""
        return tuple(
            Stimulus(done.verb, done.target, EpochSeconds(done.not_before), EpochSeconds(done.not_after), done.note)
            for done in self.manifest.stimuli
        )

    @cached_property
    def firmware(self) -> dict[str, str]:
        """Phone or system → product and version, as far as it told them at the failover system's port."""
        point = next(name for name, one in self.inventory.captures.items() if Role.FAILOVER.value in one.sees)
        files = next(self.files_of(one) for one in self.manifest.captures if one.point == point)
        names = {address: role.value for address, role in self.inventory.roles.items()}
        extensions = self.inventory.extensions
        for attempt in self.timeline.attempts:
            if attempt.extension in extensions:
                names[attempt.event.source] = extensions[attempt.extension]
        told = {address: name for file in files for address, name in products_seen(file).items()}
        return {names[address]: name for address, name in told.items() if address in names}

    @property
    def line(self) -> LineTimeline:
        """Sight of the systems on the line between them."""
        return self.timeline.line

    @property
    def visible(self) -> Interval:
        """When home was there again after the first outage.

        Raises LabFault where it never was, HarnessFault where the evidence is damaged so that nobody can tell.
        """
        seen = self.line.first_sight_of(Role.HOME)
        if isinstance(seen, Never) and self.damage:
            raise HarnessFault(f"{'; '.join(self.damage)}.", next_step="look at the mirror ports; record it again.")
        if isinstance(seen, Never):
            raise LabFault(
                f"it was not seen again on the line in {self.manifest.episode}.",
                device=Role.HOME.value,
                next_step="look at its console and at its port.",
            )
        return seen

    @property
    def normal(self) -> Interval:
        """Normal operation before home's first loss. Raises HarnessFault where the recording has none."""
        found = normal_operation(self.timeline)
        if found is None:
            raise HarnessFault(f"{self.manifest.episode} shows no normal operation.", next_step="record it again.")
        return found

    @property
    def whole(self) -> Interval:
        """From the recording's beginning to its end."""
        return Interval(0.0, self.timeline.end)

    @property
    def watched(self) -> Interval:
        """Bench seconds from when every capture point surely captured until the first of them ended."""
        settings, captures = self.inventory.settings, self.manifest.captures
        stamp = settings.scale.to_bench(settings.clock_uncertainty)
        began = max(self._bench(one.began) for one in captures) + stamp
        return Interval(began, max(began, self.timeline.watched_until - stamp))

    def registrations(self, *who: Phone | Protocol) -> Registrations:
        """The attempts of these phones, or of the probes of these protocols; of everybody without any."""
        return self.timeline.registrations(*map(_name, who))

    def turns(self, phone: Phone) -> tuple[Turn, ...]:
        """Every change of the phone's registrations."""
        return self.timeline.turns(phone.extension)

    def done(self, verb: str, target: str) -> Interval:
        """When that was done to the bench first. Raises HarnessFault where it was not."""
        found = self.timeline.stimulus(verb, target)
        if found is None:
            raise HarnessFault(f"{self.manifest.episode} shows no {verb} of {target}.", next_step="record it again.")
        return found.bracket

    def blocks(self, role: Role) -> tuple[Block, ...]:
        """Whose paths to a system were blocked, and when. Raises LabFault where one let something pass."""
        found = self.timeline.blocks(role)
        for block in found:
            if leaked(self.timeline, block):
                raise LabFault(
                    f"its path to the {role} system was blocked, but that got a request of it.",
                    device=block.phone,
                    next_step="look at the router: is there another way around it?",
                )
        return found

    def powered_on(self, phone: Phone, after: Interval | None = None) -> Interval:
        """When its outlet gave power first, `after` something. Raises HarnessFault where it did not."""
        return self._powered("power_on", phone, after)

    def powered_off(self, phone: Phone, after: Interval | None = None) -> Interval:
        """When its outlet took power away first, `after` something. Raises HarnessFault where it did not."""
        return self._powered("power_off", phone, after)

    def _powered(self, verb: str, phone: Phone, after: Interval | None) -> Interval:
        name = self.inventory.name_of(phone)
        found = self.timeline.stimulus(verb, name, after)
        if found is None:
            raise HarnessFault(f"{name} was not re-powered in {self.manifest.episode} then.", device=name)
        return found.bracket

    def captured_at(self, point: str) -> Captured:
        """What the capture point `point` left."""
        return next(one for one in self.manifest.captures if one.point == point)

    def packet_at(self, point: str, frame: int) -> tuple[Path, int]:
        """The file and the number in it of the packet `frame` of a point, which are counted through its files."""
        for file in self.captured_at(point).files:
            if not (self.folder / file.name).exists():
                continue
            if frame <= file.packets:
                return self.folder / file.name, frame
            frame -= file.packets
        raise HarnessFault(f"there is no packet {frame} at {point}.", next_step="look at the recording's manifest.")

    def file_around(self, point: str, instant: EpochSeconds) -> Path:
        """The capture file of a point that has the packets around an instant."""
        files = [file for file in self.captured_at(point).files if (self.folder / file.name).exists()]
        return self.folder / min(files, key=lambda file: max(file.first - instant, instant - file.last, 0.0)).name

    def files_of(self, capture: Captured) -> list[Path]:
        """Its files that are there, in order."""
        return [path for file in capture.files if (path := self.folder / file.name).exists()]

    @property
    def keys(self) -> dict[str, Path]:
        """Capture point → its TLS session keys, as far as they are there."""
        found = {one.point: self.folder / one.keys for one in self.manifest.captures if one.keys}
        return {point: path for point, path in found.items() if path.exists()}

    @cached_property
    def _host(self) -> tuple[Sample, ...]:
        return samples(self.folder)

    def _damages_of(self, capture: Captured) -> Iterator[Damage]:
        at, point = self._bench, capture.point
        for loss in capture.losses:
            many = f"{loss.packets} packets" if loss.packets >= 0 else "nobody knows how many packets"
            yield Damage(f"the capture at {point} lost {many}", Interval(at(loss.low), at(loss.high)))
        if capture.dropped and not capture.losses:
            yield Damage(f"the capture at {point} lost {capture.dropped} packets")
        if not capture.complete:
            why = f" ({capture.fault})" if capture.fault else ""
            last = self.decoded.last_seen.get(point, capture.began)
            yield Damage(f"the capture at {point} lacks its end{why}", Interval(at(last), math.inf))
        yield from self._gaps_of(capture)

    def _unseen(self) -> Iterator[Damage]:
        """Before the captures had begun and after they had ended."""
        for one in self.manifest.captures:
            began, ended = self._bench(one.began), self._bench(one.ended)
            yield Damage(f"the capture at {one.point} had not begun yet", Interval(-math.inf, began))
            yield Damage(f"the capture at {one.point} had ended already", Interval(ended, math.inf))

    def _gaps_of(self, capture: Captured) -> Iterator[Damage]:
        """Ring files that are not there: from the last packet before to the first after."""
        for place, file in enumerate(capture.files):
            if not (self.folder / file.name).exists():
                low = self._bench(capture.files[place - 1].last) if place else -math.inf
                high = self._bench(capture.files[place + 1].first) if place + 1 < len(capture.files) else math.inf
                yield Damage(f"the capture at {capture.point} lacks its file {file.name}", Interval(low, high))

    def _clock_steps(self) -> Iterator[Damage]:
        at = self._bench
        for step in clock_steps(self._host):
            window = Interval(at(step.low), at(step.high))
            yield Damage(f"the clock was stepped by {step.seconds:.3f} s meanwhile", window)
        if not self._host:
            offsets = [pair.realtime - pair.monotonic for pair in self.manifest.clocks]
            moved = max(offsets) - min(offsets) if offsets else 0.0
            if moved > CLOCK_STEP:
                yield Damage(f"the clock was stepped by {moved:.3f} s meanwhile")

    def _is_a_step(self, outage: Outage) -> bool:
        """Whether a silence is one only by the clock, which was stepped ahead meanwhile: that is told by itself."""
        if not isinstance(outage.visible, Interval):
            return False
        silent, scale = Interval(outage.lost.high, outage.visible.low), self.inventory.settings.scale
        ahead = sum(
            scale.to_bench(step.seconds)
            for step in clock_steps(self._host)
            if silent.low <= self._bench(step.high) and self._bench(step.low) <= silent.high
        )
        return silent.high - silent.low - ahead <= SILENT_PERIODS * self.line.period

    def _bench(self, epoch: float) -> float:
        return self.inventory.settings.scale.to_bench(epoch - self.manifest.began)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raises HarnessFault for a file that is not what was recorded, or missing where nothing can stand in for it.

    Keys may be missing, since `bench recordings share` leaves them out, and single files of a ring, whose
    packets are then a gap.
    """
    optional = {capture.keys for capture in manifest.captures}
    for capture in manifest.captures:
        if any((folder / file.name).exists() for file in capture.files):
            optional.update(file.name for file in capture.files)
    for name, known in manifest.files.items():
        path = folder / name
        if not path.exists() and name in optional:
            continue
        if not path.exists() or sha256(path) != known:
            raise HarnessFault(
                f"{path} is missing or was changed after it was recorded.",
                next_step="restore it; it is no evidence as it is.",
            )


def _name(who: Phone | Protocol) -> str:
    return who.extension if isinstance(who, Phone) else who.value


def inventory_of(folder: Path) -> Inventory:
    """The bench that the recordings under `folder` (a run, or its `recordings`) were made on.

    It decides which cases there are, so all must agree. Raises HarnessFault where they do not.
    """
    manifests = sorted(folder.glob(f"**/{FILE}"))
    if not manifests:
        raise HarnessFault(f"{folder} holds no recording.", next_step="name a run, such as runs/latest.")
    first, *others = [Recording(path.parent, Manifest.read(path.parent)) for path in manifests]
    for other in others:
        if not judged_together(first.inventory, other.inventory):
            raise HarnessFault(
                f"{first.folder} and {other.folder} were recorded on benches with different phones or settings.",
                next_step="judge the recordings of one bench at a time.",
            )
    return first.inventory


def judged_together(one: Inventory, other: Inventory) -> bool:
    """Whether recordings of both benches can be those of one night: the same cases with the same figures."""
    return _cases(one) == _cases(other)


def _cases(inventory: Inventory) -> object:
    """What must not differ; addresses may, and secrets do."""
    phones = [(name, phone.model, phone.extension) for name, phone in inventory.phones.items()]
    stated = [(role, system.sip, system.h323, system.failback) for role, system in inventory.systems.items()]
    return phones, stated, inventory.settings, inventory.line
