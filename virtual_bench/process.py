"""Starting the first process of a device in namespaces of its own."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from virtual_bench.forked import fork
from virtual_bench.namespaces import fresh_processes, within_network

PACKAGE_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Program:
    """What a device runs.

    `files` lays files over paths that only this device sees so, `prepare` are shell lines run before
    `command`, `descriptors` stay open in it, `environment` is added to the supervisor's. With `main` that is what it
    runs, in a fork of the supervisor, instead of a command.
    """

    command: tuple[str, ...]
    files: Mapping[Path, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    main: Callable[[], None] | None = None


class Process(Protocol):
    """A device's first process."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        ...

    def send_signal(self, number: signal.Signals, /) -> None:
        """Send it a signal."""
        ...


OWN_ETC = (
    "mkdir -p /run/etc/upper /run/etc/work",
    "mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc",
)
"""What is laid over a file is gone once the host puts another in that one's place, as it does with a new account."""


def start(program: Program, hostname: str, network: int, log: Path) -> Process:
    """Start `program` as the first process of a PID namespace; killing it kills all that it started.

    Its output is appended to `log`. Raises OSError.
    """
    script = preparation(program, hostname)
    shell = ["unshare", "--mount", "--uts", "/bin/sh", "-e", "-c", script, "sh"]
    with log.open("ab") as output, within_network(network), fresh_processes():
        if program.main is not None:
            return fork(program.main, script, output)
        return subprocess.Popen(
            [*shell, *program.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=program.descriptors,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
            cwd=PACKAGE_ROOT,
        )


def preparation(program: Program, hostname: str) -> str:
    """The shell script that makes the device's own surroundings and ends by becoming its command."""
    lines = [
        f"hostname {shlex.quote(hostname)}",
        "mount -t proc proc /proc",
        "mount -t sysfs sysfs /sys",
        "mount -t tmpfs -o mode=755 tmpfs /run",
        *OWN_ETC,
        # sshd keeps its books of logins there; on the host they are none of ours.
        "mount -t tmpfs -o mode=755 tmpfs /var/log",
        "[ ! -d /var/lib/wtmpdb ] || mount -t tmpfs tmpfs /var/lib/wtmpdb",
        *(_laid_over(source, path) for source, path in program.files.items()),
        *program.prepare,
        'exec "$@"',
    ]
    return "\n".join(lines)


def _laid_over(source: Path, path: str) -> str:
    """The path may be a link into /run, as systemd-resolved leaves it, which is empty now."""
    quoted = shlex.quote(path)
    return (
        f'to=$(readlink -m {quoted}); mkdir -p "${{to%/*}}"; [ -e "$to" ] || : > "$to"; '
        f'mount --bind {shlex.quote(str(source))} "$to"'
    )
