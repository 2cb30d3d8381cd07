"""The one process that holds a bench: it builds it, watches it, switches its power; all dies with it.

It is the first process of a PID namespace, in which every device has one of its own: however it
ends, the kernel ends all of them, and with the last descriptor the networks vanish.
"""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.base.errors import LabFault
from harness.inventory import Bench
from virtual_bench import control
from virtual_bench.building import build_networks
from virtual_bench.devices import RunningDevice, host_pid
from virtual_bench.fabric import ETH0, LAB, cables_of, networks, powered, startup_commands
from virtual_bench.programs import program_of
from virtual_bench.readiness import Died, Silent, answering, services
from virtual_bench.state import LOGS, Running, load_effective
from virtual_bench.terminal_server import SerialLine, lay_serial_line

REBOOT_PAUSE = 5.0
"""Bench seconds without power when an outlet is told to reboot (rPDUOutletConfigRebootDuration)."""
ON, OFF, REBOOT = 1, 2, 3


class Supervisor:
    """The bench of one state folder, from its effective inventory."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.started = bench, time.time()
        self.lines = {name: lay_serial_line() for name in bench.inventory.consoles}
        self.devices = _devices(bench, self.lines)
        self._is_ready = False
        self._dead: asyncio.Queue[str] = asyncio.Queue()
        self._background: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start every device."""
        gc.freeze()  # what telephones share with this process stays shared
        for device in self.devices.values():
            device.boot()
            self._watch(device)

    def write(self) -> None:
        """Bring `supervisor.json` up to date; it is there only once all devices have answered."""
        if not self._is_ready:
            return
        defects = self.bench.inventory.virtual.defects if self.bench.inventory.virtual else ()
        described = {name: device.described() for name, device in self.devices.items()}
        Running(host_pid(os.getpid()), self.started, defects, described).write(self.bench.state)

    async def answers(self, request: control.Message) -> AsyncIterator[control.Message]:
        """What the control socket answers to `request`."""
        match request["do"]:
            case "ready":
                async for device in self._ready():
                    yield {"answers": device}
            case "links":
                yield {"links": {name: self.devices[name].has_link(ETH0) for name in powered(self.bench.inventory)}}
            case "outlet":
                yield {"outlet": self._outlet(request["pdu"], request["outlet"], request["command"])}
            case "reload":
                self._reload(request["switch"], request["seconds"])
            case "serial":
                self.lines[request["console"]].put(bytes.fromhex(request["hex"]), request["towards"])
        yield {"last": True}

    async def _ready(self) -> AsyncIterator[str]:
        """The devices as they begin to answer. Raises LabFault where one dies or stays silent."""
        try:
            async for device in answering(services(self.bench), self.devices[LAB].network, self._dead):
                yield device
        except Silent as silent:
            raise self._fault(silent.service.device, f"{silent}; its log ends with") from None
        except Died as death:
            raise self._fault(death.device, "the program of this device ended; its log ends with") from None
        self._is_ready = True
        self.write()

    def _outlet(self, pdu: str, outlet: int, command: int) -> int:
        """Do `command` (0: nothing) and tell the outlet's state. Raises ConfigurationFault."""
        device = self.devices[self.bench.inventory.pdus[pdu].outlets[outlet]]
        match command:
            case 1 if not device.power:
                self._give_power(device)
            case 2 | 3 if device.power:
                self._cut_power(device)
        if command == REBOOT:
            self._later(self._on_again(device))
        return ON if device.power else OFF

    def _give_power(self, device: RunningDevice) -> None:
        device.give_power(self.bench.inventory)
        self._watch(device)
        self.write()
        print(f"{time.time():.6f} {device.name} on", flush=True)

    def _cut_power(self, device: RunningDevice) -> None:
        device.cut_power()
        self.write()
        print(f"{time.time():.6f} {device.name} off", flush=True)

    async def _on_again(self, device: RunningDevice) -> None:
        await asyncio.sleep(REBOOT_PAUSE / self.bench.inventory.settings.time_scale)
        if not device.power:
            self._give_power(device)

    def _reload(self, switch: str, seconds: float) -> None:
        """Have a switch go down, and come up after `seconds` (real) with its ports as the inventory says."""
        device = self.devices[switch]
        device.go_down(cables_of(self.bench.inventory, switch))
        self.write()
        self._later(self._up_again(device, seconds))

    async def _up_again(self, device: RunningDevice, seconds: float) -> None:
        await asyncio.sleep(seconds)
        device.come_up(startup_commands(self.bench.inventory, device.name))
        self._watch(device)
        self.write()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _watch(self, device: RunningDevice) -> None:
        """Have the end of its program noticed, by whichever way it comes."""
        process, loop = device.process, asyncio.get_running_loop()
        if process is None:
            return
        descriptor = os.pidfd_open(process.pid)

        def ended() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            if device.process is process:
                print(f"{time.time():.6f} {device.name} died with {process.wait()}", flush=True)
                self._dead.put_nowait(device.name)
                self.write()

        loop.add_reader(descriptor, ended)

    def _fault(self, name: str, what: str) -> LabFault:
        log = self.bench.state / LOGS / f"{name}.log"
        return LabFault(f"{what}: {self.devices[name].last_words()}", device=name, next_step=f"see {log}.")


def _devices(bench: Bench, lines: dict[str, SerialLine]) -> dict[str, RunningDevice]:
    made = build_networks(bench.inventory)
    return {
        name: RunningDevice(
            name, kind, made[name], program_of(bench, name, kind, lines), bench.state / LOGS / f"{name}.log"
        )
        for name, kind in networks(bench.inventory).items()
    }


async def hold(bench: Bench) -> None:
    """Build the bench and serve its control socket until killed."""
    supervisor = Supervisor(bench)
    supervisor.start()
    server = await control.serve(control.listen(bench.state), supervisor.answers)
    await server.serve_forever()


def main(state: Annotated[Path, typer.Option()]) -> None:
    """Hold the bench whose effective inventory is in the folder STATE."""
    asyncio.run(hold(load_effective(state)))


if __name__ == "__main__":
    typer.run(main)
