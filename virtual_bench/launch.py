"""Starting and ending the supervisor of a bench, from a process that need not outlive it."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.base.errors import BenchError, LabFault
from harness.inventory import Bench
from virtual_bench import control
from virtual_bench.certificates import make_certificates
from virtual_bench.process import PACKAGE_ROOT
from virtual_bench.secrets import make_secrets
from virtual_bench.sshd import make_host_keys
from virtual_bench.state import FILES, KEYS, LOGS, TRUTH, write_effective

_HOLDER = ("unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "virtual_bench.supervisor")
_LISTENS_WITHIN = 15.0  # real seconds from the supervisor's start to its control socket


def prepare(bench: Bench, progress: Callable[[str], None]) -> None:
    """Everything that the bench's programs find in its state."""
    progress("making keys, certificates and passwords")
    for name in (LOGS, TRUTH, FILES):
        (bench.state / name).mkdir()
    (bench.state / KEYS).mkdir(mode=0o700)
    make_secrets(bench.state, bench.inventory)
    make_host_keys(bench.state, _ssh_servers(bench))
    make_certificates(bench.state, bench.inventory)
    write_effective(bench)


def _ssh_servers(bench: Bench) -> Iterator[tuple[str, str, int]]:
    for name, device in bench.inventory.managed.items():
        yield name, str(device.address), device.login.port
    for role, system in bench.inventory.systems.items():
        if system.ssh is not None:
            yield role.value, str(system.address), system.ssh.port


def launch(bench: Bench, progress: Callable[[str], None]) -> None:
    """Start the supervisor, detached, and wait until all devices answer; what fails is ended again."""
    log = bench.state / LOGS / "supervisor.log"
    with log.open("ab") as output:
        holder = subprocess.Popen(
            [*_HOLDER, "--state", str(bench.state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=PACKAGE_ROOT,
        )
    try:
        _wait_for_supervisor(bench, holder, log)
        progress("waiting for the devices")
        for answer in control.ask(bench.state, {"do": "ready"}):
            if "answers" in answer:
                progress(f"{answer['answers']} answers")
    except BaseException as error:
        holder.kill()
        holder.wait()
        if isinstance(error, BenchError):
            error.bench = bench.name
        raise


def _wait_for_supervisor(bench: Bench, holder: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _LISTENS_WITHIN
    while control.supervisor_of(bench.state) is None:
        if holder.poll() is not None or time.monotonic() > deadline:
            said = " | ".join(log.read_text(errors="replace").splitlines()[-5:])
            raise LabFault(f"the supervisor did not start: {said}", device="supervisor", next_step=f"see {log}.")
        time.sleep(0.01)


def end(pid: int) -> None:
    """End the supervisor; the kernel reports its end only after that of all in its PID namespace."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)
