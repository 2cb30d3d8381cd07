"""Anonymous namespaces, held by file descriptors. Python has these calls from 3.12 on only.

A namespace lives as long as a process in it or a descriptor of it: what holds a descriptor and dies
leaves nothing behind. The calls change the calling thread, so their users have just one.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET, CLONE_NEWPID = 0x40000000, 0x20000000
CLONE_NEWNS, CLONE_NEWUTS = 0x00020000, 0x04000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)


def set_namespace(descriptor: int, kind: int) -> None:
    """Move this thread into the namespace (setns(2)). Raises OSError."""
    _checked(_libc.setns(descriptor, kind), "setns")


def new_network() -> int:
    """A descriptor of a fresh network namespace; this thread stays where it was."""
    with _back_afterwards("net", CLONE_NEWNET):
        _checked(_libc.unshare(CLONE_NEWNET), "unshare")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def within_network(descriptor: int) -> Iterator[None]:
    """Sockets and processes made meanwhile are those of the network namespace `descriptor`."""
    with _back_afterwards("net", CLONE_NEWNET):
        set_namespace(descriptor, CLONE_NEWNET)
        yield


@contextmanager
def fresh_processes() -> Iterator[None]:
    """The one process started meanwhile is the first of a PID namespace: all others there end with it."""
    with _back_afterwards("pid", CLONE_NEWPID):
        _checked(_libc.unshare(CLONE_NEWPID), "unshare")
        yield


def own_mounts() -> None:
    """From now on this process has mounts and a host name that are its own. Raises OSError."""
    _checked(_libc.unshare(CLONE_NEWNS | CLONE_NEWUTS), "unshare")
    _checked(_libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount")


@contextmanager
def _back_afterwards(name: str, kind: int) -> Iterator[None]:
    home = os.open(f"/proc/thread-self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        set_namespace(home, kind)
        os.close(home)


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
