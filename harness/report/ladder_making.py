"""From captures to a ladder: what is asked for, in columns, and what is too much for a picture put together."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.base.errors import ConfigurationFault
from harness.inventory import Role
from harness.report.captures import Captures
from harness.report.ladder import Arrow, Kind, Ladder, Note, Party, Row
from harness.report.ladder_exchanges import collapsed
from harness.report.ladder_names import Names
from harness.report.ladder_saying import Said, notes_of, said_in

MOST_ROWS = 1000
"""Above this equal exchanges are put together unasked."""
SMALL_SHARE = 0.02
"""Of all messages: who takes part in fewer gets no column of its own where columns are short."""
SHOWN_MEMBERS = 6
LEAST_SILENCE, SILENT_SHARE = 10.0, 0.05
"""Seconds without a row from which on that is said, and the share of the ladder's length that it must have."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for: shown seconds, names or addresses of parties (none: all), columns at most.

    `collapse`: whether equal exchanges become one row; None: only where there are more than 1000 rows.
    """

    since: float = -math.inf
    until: float = math.inf
    parties: tuple[str, ...] = ()
    columns: int = 12
    collapse: bool | None = None


def ladder_of(captures: Captures, wanted: Wanted, title: str) -> Ladder:
    """The ladder of some captures. Raises as `decode`, and ConfigurationFault for a party that nobody is."""
    said, names, systems = said_in(captures)
    chosen = _chosen(said, wanted)
    return _drawn(chosen, captures, wanted, title, _in_order(chosen, names, systems))


def _chosen(said: Sequence[Said], wanted: Wanted) -> list[Said]:
    known = dict.fromkeys(name for one in said for name in (one.source, one.destination))
    unknown = [name for name in wanted.parties if name not in known]
    if unknown:
        few = [*known][:20]
        raise ConfigurationFault(
            f"nobody here is called {unknown[0]}.",
            next_step=f"name one of: {', '.join(few)}{' …' if len(known) > len(few) else ''}.",
        )
    return sorted(
        (
            one
            for one in said
            if wanted.since <= one.arrow.at <= wanted.until
            and (not wanted.parties or one.source in wanted.parties or one.destination in wanted.parties)
        ),
        key=lambda one: one.arrow.at,
    )


def _in_order(said: Sequence[Said], names: Names, systems: Mapping[str, str]) -> list[str]:
    """Phones as the bench has them, others as they appear, systems at the right."""
    seen = list(dict.fromkeys(name for one in said for name in (one.source, one.destination)))
    roles = [*Role, *(role for role in systems.values() if role not in set(Role))]
    own = [name for name in names.order if name in seen]
    right = sorted((name for name in seen if name in systems), key=lambda name: roles.index(systems[name]))
    return [*own, *(name for name in seen if name not in own and name not in systems), *right]


def _drawn(said: list[Said], captures: Captures, wanted: Wanted, title: str, order: list[str]) -> Ladder:
    columns, parties = _columns(said, order, wanted)
    arrows = [
        (replace(one.arrow, source=columns[one.source], destination=columns[one.destination]), one) for one in said
    ]
    rows: list[Arrow] = [arrow for arrow, _ in arrows]
    remarks = [f"{one.name}: {_members(one)}" for one in parties if one.members]
    if wanted.collapse or (wanted.collapse is None and len(rows) > MOST_ROWS):
        rows = collapsed((arrow, one.exchange, one.awaits) for arrow, one in arrows)
        remarks.append(
            f"{len(arrows)} messages in {len(rows)} rows: equal exchanges that began within one second are one row, "
            "×N says how many; a shorter window or a party shows them one by one."
        )
    elif any(row.times > 1 for row in rows):
        remarks.append("×N: the same message was sent N times.")
    if any(not row.arrived for row in rows):
        remarks.append("✗: not seen at the receiver's port, though that was captured.")
    if not rows:
        remarks.append("Nothing was said, at least not then and by them.")
    notes = [note for note in notes_of(captures) if wanted.since <= note.at <= wanted.until]
    return Ladder(title, captures.unit, parties, tuple(_with_silences(rows, notes)), tuple(remarks))


def _columns(said: Sequence[Said], order: list[str], wanted: Wanted) -> tuple[dict[str, int], tuple[Party, ...]]:
    """Name → column. Where there are too many, those who say least share the first one."""
    if len(order) <= wanted.columns:
        return {name: place for place, name in enumerate(order)}, tuple(map(Party, order))
    share = Counter(name for one in said for name in {one.source, one.destination})
    least = SMALL_SHARE * len(said)
    own = [name for name, count in share.most_common() if count >= least or name in wanted.parties]
    kept = set(own[: max(1, wanted.columns - 1)])
    alone = [name for name in order if name in kept]
    others = tuple(name for name in order if name not in kept)
    columns = dict.fromkeys(others, 0) | {name: place for place, name in enumerate(alone, 1)}
    return columns, (Party(f"{len(others)} others", others), *map(Party, alone))


def _members(party: Party) -> str:
    shown, more = party.members[:SHOWN_MEMBERS], len(party.members) - SHOWN_MEMBERS
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _with_silences(rows: Iterable[Row], notes: Iterable[Row]) -> list[Row]:
    found = sorted([*rows, *notes], key=lambda row: row.at)
    if not found:
        return []
    least = max(LEAST_SILENCE, SILENT_SHARE * (found[-1].at - found[0].at))
    shown = [found[0]]
    for before, after in pairwise(found):
        if after.at - before.at >= least:
            shown.append(Note(before.at, Kind.SILENCE, f"{after.at - before.at:.0f} s without a message"))
        shown.append(after)
    return shown
