"""The timeline of one recording: what phones, systems and line did, from events alone, in bench seconds."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.base.interval import Interval
from harness.base.stimulus import Guise, Stimulus, probe_target
from harness.base.units import EpochSeconds
from harness.capture.events import DhcpEvent, Event, LineEvent, RegistrationAttempt, SystemNotice
from harness.capture.sights import Sights, narrowed
from harness.inventory import Inventory, Protocol, Role
from harness.timeline.instants import BenchClock
from harness.timeline.lanes import Lane
from harness.timeline.line import LineTimeline, Outage, line_timeline
from harness.timeline.presence import Presence, Turn, presence_lane, turns_of
from harness.timeline.registrations import Attempt, Registrations, attempts_of
from harness.timeline.stimuli import CUTS, LINE, RESTARTS, Block, Power, TimedStimulus, blocks, power_lane, timed


@dataclass(frozen=True)
class DhcpMoment:
    """A DHCP message in bench seconds."""

    at: Interval
    event: DhcpEvent


_ENDLESS = EpochSeconds(math.inf)


@dataclass(frozen=True)
class Timeline:
    """All times are bench seconds since the recording's beginning; `end` is its end.

    `watched_until`: when the first capture ended. What has not happened by then has never happened.
    """

    inventory: Inventory
    clock: BenchClock
    end: float
    watched_until: float
    attempts: tuple[Attempt, ...]
    notices: tuple[SystemNotice, ...]
    line: LineTimeline
    stimuli: tuple[TimedStimulus, ...]
    dhcp_moments: tuple[DhcpMoment, ...]

    @classmethod
    def build(
        cls,
        inventory: Inventory,
        events: Iterable[Event],
        stimuli: Iterable[Stimulus],
        began: EpochSeconds,
        ended: EpochSeconds,
        offsets: Mapping[str, float] = MappingProxyType({}),
        sights: Mapping[str, Sights] = MappingProxyType({}),
        watched_until: EpochSeconds = _ENDLESS,
    ) -> "Timeline":
        """Of a recording that lasted from `began` to `ended`, in any order of events and stimuli.

        `offsets`: see `BenchClock`; `sights`: device → when it was seen at its own port, by which stimuli are
        known better. `watched_until`: when the first capture ended, where that was before the recording ended: a
        line is not silent because nobody watches it any more, nor a phone.
        """
        settings = inventory.settings
        clock = BenchClock(began, settings.scale, settings.clock_uncertainty, offsets)
        end = settings.scale.to_bench(ended - began)
        watched = min(end, settings.scale.to_bench(watched_until - began))
        events = list(events)
        done = timed((_seen_better(each, inventory, sights) for each in stimuli), clock)
        restarts = [each for each in done if each.verb in RESTARTS]
        tries = [event for event in events if isinstance(event, RegistrationAttempt)]
        line = [event for event in events if isinstance(event, LineEvent)]
        return cls(
            inventory,
            clock,
            end,
            watched,
            tuple(attempts_of(tries, clock, restarts, inventory.extensions)),
            tuple(event for event in events if isinstance(event, SystemNotice)),
            line_timeline(line, clock, inventory.line.keepalive.period, watched, _stand_ins(done, inventory)),
            done,
            tuple(DhcpMoment(clock.of(event), event) for event in events if isinstance(event, DhcpEvent)),
        )

    def extension(self, name: str) -> str:
        """The extension of a phone's name, of a probe's protocol ("sip", "h323"), or `name` itself."""
        if name in self.inventory.phones:
            return self.inventory.phones[name].extension
        if name in set(Protocol) and Protocol(name) in self.inventory.probes:
            return self.inventory.probes[Protocol(name)].extension
        return name

    def registrations(self, *names: str) -> Registrations:
        """The attempts of these phones, probes or extensions (see `extension`); of everybody without any.

        Those that the probe made with a wrong password apart: they say nothing of whom its extension is kept out as.
        """
        wanted = {self.extension(name) for name in names}
        found = (each for each in self.attempts if not names or each.extension in wanted)
        return Registrations((each for each in found if not self._with_wrong_password(each)), self.watched_until)

    def wrong_passwords(self, protocol: Protocol) -> Registrations:
        """The attempts that the probe made with a wrong password."""
        own = (each for each in self.attempts if each.extension == self.extension(protocol))
        return Registrations((each for each in own if self._with_wrong_password(each)), self.watched_until)

    def _with_wrong_password(self, attempt: Attempt) -> bool:
        """By when the harness gave one: the wire does not tell it from a right one."""
        probe = self.inventory.probes.get(attempt.protocol)
        target = probe_target(attempt.protocol, attempt.role)
        return (
            probe is not None
            and probe.extension == attempt.extension
            and any(
                each.bracket.low <= attempt.asked.high and attempt.asked.low <= each.bracket.high
                for each in self.stimuli
                if (each.verb, each.target) == (Guise.WRONG_PASSWORD, target)
            )
        )

    def turns(self, name: str) -> tuple[Turn, ...]:
        """Every change of the registrations of one phone, probe or extension."""
        extension = self.extension(name)
        notices = (notice for notice in self.notices if notice.extension == extension)
        return turns_of(self.registrations(name), notices, self.clock)

    def phone_lane(self, name: str) -> Lane[Presence]:
        """Where a phone was registered."""
        return presence_lane(self.turns(name), self.end)

    def power_lane(self, name: str) -> Lane[Power]:
        """Whether a phone or system had power, as far as the harness switched it."""
        return power_lane(self.stimuli, name, self.end)

    def blocks(self, role: Role) -> tuple[Block, ...]:
        """Every path between a phone and the network of a system that was blocked."""
        return tuple(block for block in blocks(self.stimuli, self.end) if block.role is role)

    def dhcp(self, mac: str) -> tuple[DhcpMoment, ...]:
        """The DHCP messages of one client, by its hardware address."""
        return tuple(moment for moment in self.dhcp_moments if moment.event.client == mac.lower())

    def unexplained_outages(self, role: Role) -> tuple[Outage, ...]:
        """Those that nothing which was done to the bench explains, things done to phones apart."""
        phones = [name for phone in self.inventory.phones for name in _targets(self.inventory, phone)]
        cuts = [each for each in self.stimuli if each.verb in CUTS and each.target not in phones]

        def explained(outage: Outage) -> bool:
            end = outage.visible.high if isinstance(outage.visible, Interval) else outage.visible.until
            return any(outage.lost.low <= each.bracket.high and each.bracket.low <= end for each in cuts)

        return tuple(outage for outage in self.line.outages(role) if not explained(outage))

    def stimulus(self, verb: str, target: str, after: Interval | None = None) -> TimedStimulus | None:
        """The first stimulus of that kind, certainly `after` something; None where there was none."""
        earliest = after.high if after is not None else -math.inf
        found = (each for each in self.stimuli if (each.verb, each.target) == (verb, target))
        return next((each for each in found if each.bracket.low >= earliest), None)


def _stand_ins(stimuli: Iterable[TimedStimulus], inventory: Inventory) -> dict[Role, Interval]:
    found: dict[Role, Interval] = {}
    for each in stimuli:
        for role in Role:
            if each.verb in CUTS and each.target in (LINE, *_targets(inventory, role.value)):
                found.setdefault(role, each.bracket)
    return found


def _seen_better(stimulus: Stimulus, inventory: Inventory, sights: Mapping[str, Sights]) -> Stimulus:
    """The stimulus with the bracket that the frames of its device leave of it."""
    for device in (*(role.value for role in Role), *inventory.phones):
        if device in sights and stimulus.target in _targets(inventory, device):
            return narrowed(stimulus, sights[device], inventory.settings.clock_uncertainty)
    return stimulus


def _targets(inventory: Inventory, device: str) -> tuple[str, ...]:
    """What a stimulus to this device may name: itself, or the switch port that it hangs on."""
    port = (inventory.systems[Role(device)] if device in set(Role) else inventory.phones[device]).port
    return device, f"{port.switch} {port.port}"
