"""One episode from beginning to end, and the recovery of a bench on which one was not brought to its end."""

from pathlib import Path

from harness.base.errors import LabFault
from harness.base.transcripts import Transcripts
from harness.episodes.episode import Episode
from harness.episodes.lab import UNDO_SECONDS, Lab
from harness.episodes.watching import Watcher
from harness.inventory import Bench
from harness.journal.deeds import Deeds, told
from harness.journal.door import Door
from harness.journal.lease import Lease
from harness.journal.record import Journal


def run_episode(bench: Bench, episode: Episode, folder: Path, watcher: Watcher, wait_for_bench: float) -> None:
    """Play `episode` on `bench`; its recording lies in `folder` afterwards, also where it ended early.

    Raises the BenchError that ended it early, after the lab was put back and the recording closed; LabFault
    where the lab could not be put back.
    """
    watcher.say(f"{bench.name}: {episode.sentence}")
    with Lab(bench, episode.name, folder, watcher, wait_for_bench) as lab:
        episode.play(lab)
    if lab.put_back is not None and not lab.put_back.clean:
        raise LabFault(
            f"the episode was played, but not everything could be put back: {'; '.join(lab.put_back.failures)}.",
            bench=bench.name,
            next_step="put it back by hand, then `bench recover`.",
        )


def recover(bench: Bench, watcher: Watcher, wait_for_bench: float = 0.0, lease_fd: int | None = None) -> list[str]:
    """Put back what a run that died left changed; one line per change, also of what its watchdog has put back.

    `lease_fd`: the lock that a watchdog inherited from the run. Raises LabFault if some cannot be put back.
    """
    lease = Lease(bench.state, bench.name, "recovery", lease_fd)
    lease.acquire(wait_for_bench)
    journal, deeds = Journal(bench.state / "journal"), Deeds(bench.state)
    door = Door(bench, journal, Transcripts(bench.state / "recovery"), "recovery")
    try:
        found = door.put_back(UNDO_SECONDS, watcher.say)
        if lease_fd is not None:
            deeds.keep("the watchdog", found.restored, found.failures)
        if not found.clean:
            raise LabFault(
                f"not everything could be put back: {'; '.join(found.failures)}.",
                bench=bench.name,
                next_step="put it back by hand, then `bench recover` again.",
            )
        earlier = [] if lease_fd is not None else [line for deed in deeds.tell() for line in told(deed)]
        return [*earlier, *(f"put {what}" for what in found.restored)] or [
            f"{bench.name}: nothing was left to put back"
        ]
    finally:
        door.close()
        lease.release()
