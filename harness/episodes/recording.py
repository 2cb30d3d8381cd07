"""A recording on disk, read to be judged: always the same way, minutes or years after it was made."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from harness.base.errors import HarnessFault, LabFault
from harness.base.interval import Interval, Never
from harness.base.stimulus import Stimulus
from harness.base.units import EpochSeconds
from harness.capture.decoder import Decoded, decode
from harness.capture.products import products_seen
from harness.episodes.manifest import FILE, Manifest
from harness.episodes.writing import sha256
from harness.inventory import Inventory, Phone, Protocol, Role
from harness.timeline import LineTimeline, Registrations, Timeline, Turn, normal_operation

CLOCK_STEP = 0.005
"""Real seconds by which the wall clock may leave the monotonic one within an episode before stamps are doubted."""


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
        for capture in manifest.captures:
            path = folder / capture.file
            if not path.exists() or sha256(path) != capture.sha256:
                raise HarnessFault(
                    f"{path} is missing or was changed after it was recorded.",
                    next_step="restore it; it is no evidence as it is.",
                )
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

    @cached_property
    def damage(self) -> tuple[str, ...]:
        """Why its evidence is not to be relied on; nothing if it is."""
        captures = self.manifest.captures
        found = [f"the capture at {one.point} lost {one.dropped} packets" for one in captures if one.dropped]
        found += [f"the capture at {one.point} lacks its end" for one in captures if not one.complete]
        # The harness's own end mark is in a capture even where nothing is mirrored to it.
        showed = {seen.point for event in self.decoded.events for seen in event.sightings}
        found += [
            f"the capture at {one.point} shows nothing of the bench" for one in captures if one.point not in showed
        ]
        found += [
            f"{role} was not seen on the line from {outage.lost.low:.0f} s on, though nothing was done to it"
            for role in Role
            for outage in self.timeline.unexplained_outages(role)
        ]
        if abs(self._clock_step()) > CLOCK_STEP:
            found.append(f"the clock was stepped by {self._clock_step():.3f} s meanwhile")
        return tuple(found)

    @cached_property
    def decoded(self) -> Decoded:
        """The events of its captures."""
        files = {capture.point: self.folder / capture.file for capture in self.manifest.captures}
        return decode(files, self.inventory, EpochSeconds(self.manifest.ended))

    @cached_property
    def timeline(self) -> Timeline:
        """Its events in bench seconds, by phone, system and line."""
        return Timeline.build(
            self.inventory,
            self.decoded.events,
            self.stimuli,
            EpochSeconds(self.manifest.began),
            EpochSeconds(self.manifest.ended),
        )

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
        file = next(self.folder / one.file for one in self.manifest.captures if one.point == point)
        names = {str(system.address): role.value for role, system in self.inventory.systems.items()}
        extensions = {phone.extension: name for name, phone in self.inventory.phones.items()}
        for attempt in self.timeline.attempts:
            if attempt.extension in extensions:
                names[attempt.event.source] = extensions[attempt.extension]
        return {names[address]: told for address, told in products_seen(file).items() if address in names}

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

    def registrations(self, *who: Phone | Protocol) -> Registrations:
        """The attempts of these phones, or of the probes of these protocols; of everybody without any."""
        return self.timeline.registrations(*map(_name, who))

    def turns(self, phone: Phone) -> tuple[Turn, ...]:
        """Every change of the phone's registrations."""
        return self.timeline.turns(phone.extension)

    def powered_on(self, phone: Phone, nth: int = 1) -> Interval:
        """When its outlet gave power for the `nth` time. Raises HarnessFault where it did not."""
        name = next(name for name, entry in self.inventory.phones.items() if entry.extension == phone.extension)
        found = self.timeline.stimulus("power_on", name, nth)
        if found is None:
            raise HarnessFault(f"{name} was not re-powered in {self.manifest.episode}.", device=name)
        return found.bracket

    def _clock_step(self) -> float:
        offsets = [pair.realtime - pair.monotonic for pair in self.manifest.clocks]
        return max(offsets) - min(offsets) if offsets else 0.0


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
        if _cases(other.inventory) != _cases(first.inventory):
            raise HarnessFault(
                f"{first.folder} and {other.folder} were recorded on benches with different phones or settings.",
                next_step="judge the recordings of one bench at a time.",
            )
    return first.inventory


def _cases(inventory: Inventory) -> object:
    """What must not differ between recordings that are judged together; secrets differ between instances."""
    phones = [(name, phone.model, phone.extension) for name, phone in inventory.phones.items()]
    return phones, inventory.settings, inventory.line
