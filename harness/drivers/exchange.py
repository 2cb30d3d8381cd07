"""Request and answer over UDP or TCP: what the probes share."""

import errno
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.base.clock import Deadline, now
from harness.base.errors import ConfigurationFault
from harness.base.units import EpochSeconds

T = TypeVar("T")

_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)


class RefusedByTransportError(Exception):
    """The registration port is closed: a reset or an ICMP port unreachable. Never leaves the probes."""


class UnansweredError(Exception):
    """No final answer in time, or nobody there to give one. Never leaves the probes."""


@dataclass(frozen=True)
class Answered(Generic[T]):
    """An answer as `read` made it, and when its last byte was there (epoch seconds)."""

    value: T
    at: EpochSeconds


Read = Callable[[bytes], T | None]
"""Makes an answer of bytes; None for what is no final answer to this request."""


def open_socket(kind: socket.SocketKind, source: str, target: tuple[str, int], within: float) -> socket.socket:
    """A socket bound to `source` (any port) and connected to `target`; `within` is real seconds."""
    link = socket.socket(socket.AF_INET, kind)
    try:
        link.bind((source, 0))
    except OSError as error:
        link.close()
        raise ConfigurationFault(
            f"this host has no address {source} ({error.strerror}).",
            next_step="check 'lab_host' in the inventory, and that this runs on the lab host.",
        ) from None
    link.settimeout(within)
    try:
        _told_apart(lambda: link.connect(target))
    except TimeoutError:
        link.close()
        raise UnansweredError("silence") from None
    except (RefusedByTransportError, UnansweredError):
        link.close()
        raise
    return link


def ask_udp(link: socket.socket, request: bytes, waits: Iterable[float], read: Read[T]) -> Answered[T]:
    """Send `request` and wait, for each of `waits` (real s), until `read` makes an answer of a packet."""
    for wait in waits:
        _told_apart(lambda: link.send(request))
        answer = _listen(link, Deadline.after(wait), read)
        if answer is not None:
            return answer
    raise UnansweredError("silence")


def ask_tcp(link: socket.socket, request: bytes, within: float, read: Read[T]) -> Answered[T]:
    """Send `request` once, then hand all that came so far to `read` until it makes an answer of it."""
    came = b""

    def of_all(data: bytes) -> T | None:
        nonlocal came
        if not data:
            raise RefusedByTransportError("connection closed")
        came += data
        return read(came)

    _told_apart(lambda: link.sendall(request))
    answer = _listen(link, Deadline.after(within), of_all)
    if answer is None:
        raise UnansweredError("silence")
    return answer


def _listen(link: socket.socket, deadline: Deadline, read: Read[T]) -> Answered[T] | None:
    while not deadline.passed:
        link.settimeout(max(0.001, deadline.left))
        try:
            data = _told_apart(lambda: link.recv(65536))
        except TimeoutError:
            return None
        at = now()
        value = read(data)
        if value is not None:
            return Answered(value, at)
    return None


def _told_apart(work: Callable[[], T]) -> T:
    """`work`, with a closed port told apart from nobody being there."""
    try:
        return work()
    except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError) as error:
        raise RefusedByTransportError(str(error.strerror).lower()) from None
    except TimeoutError:
        raise
    except OSError as error:
        if error.errno in _UNREACHABLE:
            raise UnansweredError(str(error.strerror).lower()) from None
        raise
