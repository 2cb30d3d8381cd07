"""What was seen of a phone while its path to a system was blocked."""

from collections.abc import Iterable

from harness.timeline.measurements import arrived
from harness.timeline.registrations import Attempt
from harness.timeline.stimuli import Block
from harness.timeline.timeline import Timeline


def seen_at_own_port(timeline: Timeline, phone: str, attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Those that the phone itself was seen to send."""
    points = {name for name, capture in timeline.inventory.captures.items() if phone in capture.sees}
    return tuple(each for each in attempts if any(seen.point in points for seen in each.event.sightings))


def leaked(timeline: Timeline, block: Block) -> tuple[Attempt, ...]:
    """Attempts of a phone that reached a system although the path between them was blocked."""
    inside = timeline.registrations(block.phone).at(block.role).between(block.surely)
    asked = [each for each in inside if each.asked.low > block.surely.low and each.decided.high < block.surely.high]
    return tuple(each for each in asked if arrived(timeline, each))
