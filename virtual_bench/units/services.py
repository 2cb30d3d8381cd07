"""The services of a unit: a process of their own, which a reboot kills and starts again."""

import asyncio
import ctypes
import json
import os
import signal
import socket
import traceback

from harness.inventory import Role
from virtual_bench.units.failover_system import FailoverSystem
from virtual_bench.units.home_system import HomeSystem, lapse
from virtual_bench.units.surroundings import Surroundings

_PR_SET_PDEATHSIG = 1
LONGEST = 65536


def fork_services(around: Surroundings) -> tuple[int, socket.socket]:
    """Start the services; their process number, and a socket on which each datagram asks them something."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    ours.close()
    try:
        _become_services(around, theirs)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # never back into the code of the unit's init


def _become_services(around: Surroundings, questions: socket.socket) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    asyncio.run(_serve(around, questions))


async def _serve(around: Surroundings, questions: socket.socket) -> None:
    system = HomeSystem(around) if around.role is Role.HOME else FailoverSystem(around)
    await system.start()
    around.truth.write("started")
    questions.setblocking(False)

    def asked() -> None:
        match questions.recv(LONGEST).decode().split():
            case ["logout", extension]:
                questions.send(json.dumps({"was_here": system.log_out(extension)}).encode())
            case [_]:
                questions.send(json.dumps(system.status()).encode())

    asyncio.get_running_loop().add_reader(questions, asked)
    await lapse(system.bindings, around)
