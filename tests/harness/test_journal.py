"""The journal: nothing complete is ever missed, nothing torn is ever taken for complete."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.journal.record import Journal, LabChange

PORT = LabChange("port", "sw-home", "port1", "on")
OUTLET = LabChange("outlet", "pdu-1", "3", "on")


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


def test_it_begins_anew_once_nothing_is_open(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    number = journal.intend(PORT, "a test")
    journal.forget_settled()
    assert (tmp_path / "journal").exists()
    journal.undone(number)
    journal.forget_settled()
    assert not (tmp_path / "journal").exists()


def test_cut_at_every_byte_it_keeps_what_was_complete(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.intend(PORT, "a test")
    first = len(path.read_bytes())
    journal.intend(OUTLET, "a test")
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        found = [change for _, change in Journal(path).open_changes]
        # A line is complete without its newline, too: the checksum says so.
        assert found == [PORT, OUTLET][: (length >= first - 1) + (length >= len(whole) - 1)]


def test_after_a_torn_line_new_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path).intend(PORT, "a test")
    path.write_bytes(path.read_bytes() + b'1234abcd {"n": 2')
    Journal(path).intend(OUTLET, "another")
    assert [change for _, change in Journal(path).open_changes] == [PORT, OUTLET]


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_never_invents_a_change(position: int, flip: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        journal = Journal(path)
        journal.undone(journal.intend(PORT, "a test"))
        journal.intend(OUTLET, "a test")
        data = bytearray(path.read_bytes())
        data[position % len(data)] ^= flip
        path.write_bytes(bytes(data))
        assert {change for _, change in Journal(path).open_changes} <= {PORT, OUTLET}
