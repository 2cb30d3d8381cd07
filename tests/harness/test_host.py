"""The pulse and what is read from it: scheduling lag, steps of the clock, what it has not told."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.base.clock import Deadline
from harness.base.units import EpochSeconds, RealSeconds
from harness.capture import pulse
from harness.capture.host import FILE, ClockStep, HostWatch, Sample, clock_steps, samples, worst_lag


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[HostWatch]:
    watch = HostWatch(tmp_path)
    watch.start()
    yield watch
    watch.stop()


def pid_of(folder: Path) -> int:
    """The pulse that writes into `folder`, among the children of this process."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    (found,) = [int(pid) for pid in children if (Path(f"/proc/{pid}/fd/1")).readlink() == folder / FILE]
    return found


def until(condition: Callable[[], bool]) -> None:
    assert Deadline.after(10).poll(condition, every=0.01)


def at(realtime: float, lag: float = 0.0, monotonic: float | None = None) -> Sample:
    return Sample(EpochSeconds(realtime), realtime if monotonic is None else monotonic, RealSeconds(lag))


def test_a_pulse_that_was_stopped_tells_how_late_it_was(watch: HostWatch, tmp_path: Path) -> None:
    until(lambda: len(samples(tmp_path)) >= 1)
    pid, began = pid_of(tmp_path), time.time()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    stopped = time.time() - began
    os.kill(pid, signal.SIGCONT)
    until(lambda: worst_lag(samples(tmp_path), began, began + stopped) >= 0.25)
    watch.stop()
    assert worst_lag(samples(tmp_path), began, began + stopped) >= 0.25
    assert clock_steps(samples(tmp_path)) == ()


def test_a_pulse_that_died_leaves_its_silence_as_lag(watch: HostWatch, tmp_path: Path) -> None:
    until(lambda: len(samples(tmp_path)) >= 1)
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    died = time.time()
    time.sleep(0.3)
    watch.stop()
    assert worst_lag(samples(tmp_path), died, died + 0.1) >= 0.3


def test_a_pulse_that_hangs_at_the_end_leaves_its_silence_as_lag(watch: HostWatch, tmp_path: Path) -> None:
    until(lambda: len(samples(tmp_path)) >= 1)
    os.kill(pid_of(tmp_path), signal.SIGSTOP)
    hung = time.time()
    watch.stop()
    assert worst_lag(samples(tmp_path), hung, hung + 0.1) >= 0.4


def test_a_pulse_tells_once_more_when_it_is_ended(watch: HostWatch, tmp_path: Path) -> None:
    until(lambda: len(samples(tmp_path)) >= 1)
    told = len(samples(tmp_path))
    asked = time.time()
    watch.stop()
    *_, last = samples(tmp_path)
    assert len(samples(tmp_path)) > told
    assert last.realtime >= asked
    watch.stop()  # nothing more


def test_the_pulse_ends_with_the_process_that_began_it(tmp_path: Path) -> None:
    script = "import time; from pathlib import Path; from harness.capture.host import HostWatch; "
    script += f"HostWatch(Path({str(tmp_path)!r})).start(); print('on', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        parent.kill()
        until(lambda: _gone(int(child)))


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_both_clocks_are_read_at_one_instant() -> None:
    realtime, monotonic = pulse.clocks()
    assert abs((time.time() - realtime) - (time.monotonic() - monotonic)) < 0.1


@pytest.mark.parametrize("by", [0.006, -0.006, 3600.0, -3600.0])
def test_a_step_of_the_clock_is_found_with_its_window(by: float) -> None:
    read = (at(100.0), at(101.0), at(102.0 + by, monotonic=102.0), at(103.0 + by, monotonic=103.0))
    (step,) = clock_steps(read)
    assert step == ClockStep(EpochSeconds(min(101.0, 102.0 + by)), EpochSeconds(max(101.0, 102.0 + by)), step.seconds)
    assert step.seconds == pytest.approx(by)


def test_a_clock_that_is_slewed_was_not_stepped() -> None:
    """By 500 parts in a million, the most that the kernel does for adjtime(3)."""
    assert clock_steps(tuple(at(n * 1.0005, monotonic=float(n)) for n in range(100))) == ()


def test_lag_counts_for_all_the_time_since_the_reading_before() -> None:
    read = (at(100.0, 0.01), at(101.0, 0.3), at(102.0, 0.02))
    assert worst_lag(read, 100.2, 100.3) == 0.3
    assert worst_lag(read, 101.5, 101.6) == 0.02
    assert worst_lag(read, 99.5, 99.9) == 0.01
    assert worst_lag(read, 0.0, 200.0) == 0.3
    assert worst_lag((), 0.0, 200.0) == 0.0


@pytest.mark.parametrize(
    "rest", ["1700000002.0", "1700000002.000000 12.000000 0.25", "1700000002.000000 12.000000 0.250000", "\0\0\0"]
)
def test_a_line_that_was_cut_is_left_out(tmp_path: Path, rest: str) -> None:
    whole = "1700000001.000000 11.000000 0.010000\n"
    (tmp_path / FILE).write_text(whole + rest)
    assert samples(tmp_path) == (Sample(EpochSeconds(1700000001.0), 11.0, RealSeconds(0.01)),)


def test_a_line_that_was_cut_on_a_full_disk_spoils_none_behind_it(tmp_path: Path) -> None:
    whole = "1700000001.000000 11.000000 0.010000\n"
    (tmp_path / FILE).write_text(f"{whole}1700000002.000000 12.0\n{whole}")
    assert len(samples(tmp_path)) == 2


def test_a_recording_without_a_pulse_has_no_samples(tmp_path: Path) -> None:
    assert samples(tmp_path) == ()


def test_a_pulse_whose_parent_was_gone_before_it_began_does_not_begin() -> None:
    """As after a kill in the moment in which it is started: nobody would end it any more."""
    done = subprocess.run([sys.executable, pulse.__file__, "1"], capture_output=True, timeout=10, check=True)
    assert done.stdout == b""
