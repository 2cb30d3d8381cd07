"""The journal: nothing complete is ever missed, nothing torn is ever taken for complete."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from harness.journal.record import Journal, LabChange

PORT = LabChange("port", "sw-home", "port1", "on")
OUTLET = LabChange("outlet", "pdu-1", "3", "on")
PROBE = LabChange("registration", "failover", "sip", "off")
CHANGES = (PORT, OUTLET, PROBE)


def test_a_change_is_open_from_intent_to_undone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    number = journal.intend(PORT, "a test")
    assert journal.open_changes == [(number, PORT)]
    journal.done(number)
    assert journal.open_changes == [(number, PORT)]
    journal.undone(number)
    assert journal.open_changes == []


def test_another_run_finds_what_was_left(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal")
    first.intend(PORT, "a test")
    settled = first.intend(OUTLET, "a test")
    first.undone(settled)
    assert [change for _, change in Journal(tmp_path / "journal").open_changes] == [PORT]


def test_another_run_is_told_by_what_a_registration_is_known(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal")
    first.done(first.intend(LabChange("registration", "home", "h323", "off"), "a test"), "ep-1")
    (_, found), *others = Journal(tmp_path / "journal").open_changes
    assert (found.handle, others) == ("ep-1", [])


def test_it_begins_anew_once_nothing_is_open(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    number = journal.intend(PORT, "a test")
    journal.forget_settled()
    assert (tmp_path / "journal").exists()
    journal.undone(number)
    journal.forget_settled()
    assert not (tmp_path / "journal").exists()


def test_cut_at_every_byte_it_keeps_what_was_complete(tmp_path: Path) -> None:
    path, steps = tmp_path / "journal", a_night(tmp_path / "journal")
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        assert Journal(path).open_changes == complete(steps, length)[-1].open


def test_with_every_byte_flipped_every_other_entry_counts(tmp_path: Path) -> None:
    path, steps = tmp_path / "journal", a_night(tmp_path / "journal")
    whole = path.read_bytes()
    for position, flip in product(range(len(whole)), (0x01, 0x20, 0x80, 0xFF, whole[0] ^ ord("\n"))):
        data = bytearray(whole)
        data[position] ^= flip
        path.write_bytes(bytes(data))
        found = Journal(path).open_changes
        assert found in (steps[-1].open, without(steps, position)), (position, flip)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.floats(0, 0.999), st.floats(0, 1), st.integers(1, 255))
def test_wherever_it_is_cut_and_damaged(picks: list[int], where: float, cut: float, flip: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        steps = written(path, picks)
        whole = bytearray(path.read_bytes())
        position, length = int(where * len(whole)), round(cut * len(whole))
        whole[position] ^= flip
        path.write_bytes(whole[:length])
        kept = complete(steps, length)
        found = Journal(path).open_changes
        assert found in (kept[-1].open, without(kept, position))
        assert {change for _, change in found} <= set(CHANGES)


@given(st.binary(max_size=400))
def test_what_is_no_journal_at_all_is_all_damage(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        path.write_bytes(data)
        found = Journal(path)
        assert (found.open_changes, found.damaged) == ([], len(data) - data.count(b"\n"))


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path).intend(PORT, "a test")
    assert Journal(path).damaged == 0
    path.write_bytes(path.read_bytes() + b"00000000 {")
    assert Journal(path).damaged == 10


def test_after_a_torn_line_new_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path).intend(PORT, "a test")
    path.write_bytes(path.read_bytes() + b'1234abcd {"n": 2')
    Journal(path).intend(OUTLET, "another")
    assert [change for _, change in Journal(path).open_changes] == [PORT, OUTLET]


@dataclass(frozen=True)
class Step:
    """One entry as written: its bytes in the file, what it says, and what is open once it counts."""

    begin: int
    end: int
    number: int
    what: str
    open: list[tuple[int, LabChange]]


def a_night(path: Path) -> list[Step]:
    """Two changes done and undone in turn, one begun only, one done."""
    return written(path, [0, 1, 2, 3, 0, 4])


def written(path: Path, picks: list[int]) -> list[Step]:
    """A journal of these steps: each begins a change, or brings the oldest that is open one step further."""
    journal, steps, done = Journal(path), [Step(0, 0, 0, "", [])], set[int]()
    for pick in picks:
        begin = path.stat().st_size if path.exists() else 0
        pending = [number for number, _ in journal.open_changes]
        if pick % 2 == 0 or not pending:
            number, what = journal.intend(CHANGES[pick % len(CHANGES)], "a test"), "intent"
        elif pending[0] not in done:
            number, what = pending[0], "done"
            journal.done(number)
            done.add(number)
        else:
            number, what = pending[0], "undone"
            journal.undone(number)
        steps.append(Step(begin, path.stat().st_size, number, what, journal.open_changes))
    return steps


def complete(steps: list[Step], length: int) -> list[Step]:
    """Those that are whole in the first `length` bytes; the newline may lack."""
    return [step for step in steps if step.end - 1 <= length]


def without(steps: list[Step], position: int) -> list[tuple[int, LabChange]]:
    """What is open at the end if the entry at that byte does not count."""
    changes: dict[int, LabChange] = {}
    for step in steps[1:]:
        if step.begin <= position < step.end - 1:
            continue
        if step.what == "undone":
            changes.pop(step.number, None)
        else:
            changes[step.number] = next(change for number, change in step.open if number == step.number)
    return sorted(changes.items())
