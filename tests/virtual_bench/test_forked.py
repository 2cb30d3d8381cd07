"""A device that is a fork of the process which holds the bench: its namespaces, its output, its end."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from virtual_bench.building import fresh_network
from virtual_bench.process import Process, Program, start

pytestmark = [pytest.mark.bench, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]


def forked(main: Callable[[], None], log: Path) -> Process:
    network = fresh_network()
    try:
        return start(Program((), main=main), "a-device", network, log)
    finally:
        os.close(network)


def test_it_has_namespaces_of_its_own_and_nothing_of_the_parents(tmp_path: Path) -> None:
    beside = (tmp_path / "beside").open("w")

    def tell() -> None:
        interfaces = [name for _, name in socket.if_nameindex()]
        opened = sorted(int(each.name) for each in Path("/proc/self/fd").iterdir())
        print(os.getpid(), socket.gethostname(), *interfaces, opened[:3], len(opened))

    with beside:
        assert forked(tell, tmp_path / "log").wait() == 1  # a device's program never ends by itself
    # The fourth descriptor is that by which it looks.
    assert (tmp_path / "log").read_text() == "1 a-device lo [0, 1, 2] 4\n"
    assert socket.gethostname() != "a-device"


def test_it_has_an_event_loop_of_its_own_where_the_parent_is_within_one(tmp_path: Path) -> None:
    """Both are the first process of their namespace, as the supervisor and its telephones are."""

    async def says() -> None:
        await asyncio.sleep(0)
        print("runs")

    async def parent() -> None:
        await asyncio.sleep(0)
        print(forked(lambda: asyncio.run(says()), tmp_path / "inner").wait())
        await asyncio.sleep(0.01)
        print("and the parent's runs on")

    forked(lambda: asyncio.run(parent()), tmp_path / "outer").wait()
    assert (tmp_path / "inner").read_text() == "runs\n"
    assert (tmp_path / "outer").read_text() == "1\nand the parent's runs on\n"


def test_what_it_dies_of_stands_in_its_log(tmp_path: Path) -> None:
    def dies() -> None:
        raise RuntimeError("no address")

    assert forked(dies, tmp_path / "log").wait() == 1
    assert "RuntimeError: no address" in (tmp_path / "log").read_text()


def test_its_end_is_told_as_that_of_any_program(tmp_path: Path) -> None:
    process = forked(signal.pause, tmp_path / "log")
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.send_signal(signal.SIGKILL)  # nobody is left to be hit
    assert process.poll() == -signal.SIGKILL
