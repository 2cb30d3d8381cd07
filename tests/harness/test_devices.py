"""The sessions of a bench end together."""

from threading import Barrier

from harness.base.errors import LabFault
from harness.base.transcripts import Transcripts
from harness.inventory import find_bench
from harness.journal.devices import Devices

WITHIN = 10.0
"""Real seconds: who is closed alone waits in vain for the other, and is not closed then."""


class Session:
    """Closes only while another one does."""

    def __init__(self, both: Barrier, fault: Exception | None = None) -> None:
        self.closed, self._both, self._fault = False, both, fault

    def close(self) -> None:
        self._both.wait(WITHIN)
        self.closed = True
        if self._fault is not None:
            raise self._fault


def test_sessions_are_closed_at_once_and_one_that_is_gone_keeps_none_open() -> None:
    both, devices = Barrier(3), Devices(find_bench("virtual"), Transcripts(None))
    sessions = [Session(both, LabFault("gone.", next_step="none.")), Session(both, OSError("gone")), Session(both)]
    devices._opened |= {str(number): session for number, session in enumerate(sessions)}
    devices.close()
    assert all(session.closed for session in sessions)
    assert not devices._opened


def test_a_bench_of_which_nothing_was_opened_is_closed() -> None:
    Devices(find_bench("virtual"), Transcripts(None)).close()
