"""When each device of the bench was seen at its own port: last sight before it was cut off, first sight after.

Any frame that it sent counts here, ARP and acknowledgements too. That is sight of the *device*; whether a
system was visible on the line to the other is another matter (clauses.md, *Reference points*).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import numpy as np

from harness.base.stimulus import Stimulus
from harness.base.units import EpochSeconds
from harness.capture.blocks import Batch, Flags
from harness.capture.headers import Headers, number
from harness.capture.topology import Topology

SILENCE = 0.02
"""Real seconds without a frame from which on two sights are kept apart."""


_SILENCING, _RESTORING = ("cut", "power_off"), ("restore", "power_on")
"""Verbs after which a device is silent at its port, or may be heard there again."""
BY_FRAMES = "(narrowed by its frames)"


@dataclass(frozen=True)
class Sights:
    """Frames of one device, as spans without a silence of more than 20 ms; epoch seconds, in order."""

    spans: tuple[tuple[EpochSeconds, EpochSeconds], ...] = ()

    def last_until(self, instant: float) -> EpochSeconds | None:
        """A frame not after `instant`, and none later until then but within 20 ms of it; None where there is none."""
        ends = [last if last <= instant else first for first, last in self.spans if first <= instant]
        return ends[-1] if ends else None

    def first_since(self, instant: float) -> EpochSeconds | None:
        """A frame not before `instant`, and none earlier since then but within 20 ms; None where there is none."""
        return next((first if first >= instant else last for first, last in self.spans if last >= instant), None)


def narrowed(stimulus: Stimulus, sights: Sights, uncertainty: float) -> Stimulus:
    """The stimulus with a narrower bracket, if frames of its device tell better when it took effect.

    A device that still sends has not been cut off yet; one that sends again has been let in again.
    `uncertainty`: real seconds by which a frame's stamp may be wrong.
    """
    low, high = EpochSeconds(stimulus.not_before + uncertainty), EpochSeconds(stimulus.not_after - uncertainty)
    note = f"{stimulus.note} {BY_FRAMES}".strip()
    if stimulus.verb in _SILENCING:
        last = sights.last_until(high)
        if last is not None and last > low:
            return replace(stimulus, not_before=EpochSeconds(last - uncertainty), note=note)
    elif stimulus.verb in _RESTORING:
        first = sights.first_since(low)
        if first is not None and first < high:
            return replace(stimulus, not_after=EpochSeconds(first + uncertainty), note=note)
    return stimulus


@dataclass
class SightTracker:
    """Feed it every packet of one capture point batch by batch. `devices`: name → hardware and IPv4 addresses."""

    devices: Mapping[str, tuple[int | None, int | None]]
    _spans: dict[str, list[list[float]]] = field(default_factory=dict)

    @classmethod
    def at(cls, topology: Topology, point: str) -> "SightTracker":
        """For the devices whose ports that capture point sees."""
        seen = topology.devices.get(point, {})
        return cls(
            {
                name: (int(mac.replace(":", ""), 16) if mac else None, int(IPv4Address(address)) if address else None)
                for name, (mac, address) in seen.items()
            }
        )

    def feed(self, batch: Batch, headers: Headers) -> None:
        """Take in the packets of a batch."""
        if not self.devices:
            return
        source = np.where(headers.version == 4, number(batch.data, headers.network + 12, 4), -1)
        for name, (mac, address) in self.devices.items():
            own = headers.mac == mac if mac is not None else source == address
            if own.any():
                self._take(name, batch, own)

    def sights(self) -> dict[str, Sights]:
        """Device → when it was seen."""
        return {
            name: Sights(tuple((EpochSeconds(first), EpochSeconds(last)) for first, last in spans))
            for name, spans in self._spans.items()
        }

    def _take(self, name: str, batch: Batch, own: Flags) -> None:
        at = np.sort(batch.packets.at[own])
        breaks = np.flatnonzero(np.diff(at) > SILENCE)
        firsts = at[np.concatenate(([0], breaks + 1))].tolist()
        lasts = at[np.concatenate((breaks, [len(at) - 1]))].tolist()
        spans = self._spans.setdefault(name, [])
        for first, last in zip(firsts, lasts, strict=True):
            if spans and first - spans[-1][1] <= SILENCE:
                spans[-1][1] = max(spans[-1][1], last)
            else:
                spans.append([first, last])


def joined(several: Sequence[Sights]) -> Sights:
    """What several capture points saw of one device."""
    spans: list[tuple[EpochSeconds, EpochSeconds]] = sorted(span for sights in several for span in sights.spans)
    return Sights(tuple(spans))
