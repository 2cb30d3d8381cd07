"""The supervisor's control socket: one JSON object a line, one request a connection, one or more answers.

A socket's path has 107 bytes at most, which clones deep in a home directory exceed: it is always
reached through a descriptor of its folder.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.base.errors import BenchError, LabFault
from virtual_bench.state import CONTROL

Message = dict[str, Any]


def supervisor_of(state: Path) -> int | None:
    """The host pid of the supervisor that listens in the folder `state`; None where none does.

    The kernel says who listens, so that no pid of a dead supervisor is ever taken for a live one.
    """
    try:
        with _connected(state) as control:
            credentials = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    pid, _, _ = struct.unpack("3i", credentials)
    return int(pid)


def ask(state: Path, request: Message) -> Iterator[Message]:
    """The supervisor's answers to `request`, as they come.

    Raises LabFault where it reports one or dies meanwhile, OSError where nobody listens.
    """
    with _connected(state) as control:
        control.sendall(json.dumps(request).encode() + b"\n")
        for line in control.makefile():
            answer: Message = json.loads(line)
            if "fault" in answer:
                raise LabFault(**answer["fault"])
            yield answer
            if answer.get("last"):
                return
    raise LabFault("the supervisor of the bench died.", next_step="bench down, then bench up.")


def listen(state: Path) -> socket.socket:
    """The socket to serve at, in the folder `state`; what a dead supervisor left there is replaced."""
    (state / CONTROL).unlink(missing_ok=True)
    control = socket.socket(socket.AF_UNIX)
    with _short_path(state) as path:
        control.bind(path)
    (state / CONTROL).chmod(0o600)
    control.listen(16)
    return control


async def serve(control: socket.socket, answers: Callable[[Message], AsyncIterator[Message]]) -> asyncio.Server:
    """Answer each request with what `answers` gives; a BenchError becomes the last answer."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line:
                async for answer in _with_faults(answers(json.loads(line))):
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        except ConnectionError:
            print("a client left before its answer", flush=True)
        finally:
            writer.close()

    return await asyncio.start_unix_server(connection, sock=control)


async def _with_faults(answers: AsyncIterator[Message]) -> AsyncIterator[Message]:
    try:
        async for answer in answers:
            yield answer
    except BenchError as error:
        yield {"fault": {"message": error.message, "device": error.device, "next_step": error.next_step}}


@contextmanager
def _connected(state: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as control, _short_path(state) as path:
        control.connect(path)
        yield control


@contextmanager
def _short_path(state: Path) -> Iterator[str]:
    folder = os.open(state, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{CONTROL}"
    finally:
        os.close(folder)
