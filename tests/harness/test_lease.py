"""The lease: one holder, named; its file goes with it, and locks nobody who opened it too late."""

import fcntl
import os
from pathlib import Path

import pytest

from harness.base.errors import LabFault
from harness.journal import lease as module
from harness.journal.lease import Lease, holder


def taken(state: Path, purpose: str) -> Lease:
    found = Lease(state, "bench", purpose)
    found.acquire()
    return found


def test_one_holder_at_a_time_who_is_named(tmp_path: Path) -> None:
    first = taken(tmp_path, "an outage")
    with pytest.raises(LabFault, match=rf"in use by .* \(process {os.getpid()} on .*, for an outage"):
        Lease(tmp_path, "bench", "another").acquire()
    first.release()
    taken(tmp_path, "another").release()


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    taken(tmp_path, "an outage").release()
    assert list(tmp_path.iterdir()) == []
    assert holder(tmp_path) is None


def test_who_opened_the_file_before_it_was_removed_does_not_get_the_bench_beside_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder lets go, and another one takes it, between the opening and the locking."""
    first, others = taken(tmp_path, "an outage"), list[Lease]()
    really = module._locked

    def late(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
        monkeypatch.setattr(module, "_locked", really)
        first.release()
        others.append(taken(tmp_path, "the second"))
        return really(descriptor, how)

    monkeypatch.setattr(module, "_locked", late)
    with pytest.raises(LabFault, match="for the second"):
        Lease(tmp_path, "bench", "the third").acquire()
    others[0].release()


def test_who_merely_looks_keeps_nobody_out(tmp_path: Path) -> None:
    lock = tmp_path / "lease.lock"
    lock.touch()
    looking = os.open(lock, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert holder(tmp_path) is None, "two that look disturb each other"
    waiting = Lease(tmp_path, "bench", "an outage")
    with pytest.raises(LabFault, match="a run that left no name"):
        waiting.acquire()
    fcntl.flock(looking, fcntl.LOCK_UN)
    waiting.acquire()
    assert holder(tmp_path) is not None
    waiting.release()
    os.close(looking)
