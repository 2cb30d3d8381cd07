"""Both ends of the storm, each a process of its own in a network namespace: one unit, and a share of the telephones.

    python -m benchmarks.storm_peers unit STATE PHONES
    python -m benchmarks.storm_peers phones PHONES SHARE SHARES BEGIN SECONDS

They are the virtual bench's own registrar, gatekeeper and telephones, in real seconds. Each prints a line when it is
there, and ends when its standard input does; the telephones print how many had registered.
"""

import asyncio
import random
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from harness.inventory import Inventory, Role, find_bench
from virtual_bench.phones.behaviour import sip_behaviour
from virtual_bench.phones.h323_phone import H323Phone
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Controller, Settings
from virtual_bench.phones.sip_registration import Outcome, Registration
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip_transactions import Transactions
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.gatekeeper import Gatekeeper
from virtual_bench.units.gatekeeper_messages import GatekeeperSettings
from virtual_bench.units.records import User
from virtual_bench.units.registrar import Registrar, RegistrarSettings

CLOCK = ScaledClock(1.0)
EXPIRES = 600
"""Seconds granted: nobody refreshes within the storm."""
DESCRIPTORS = 8192


@dataclass(frozen=True)
class Telephone:
    """The n-th telephone: one in ten speaks H.323, three SIP over TCP, the others SIP over UDP."""

    number: int

    @property
    def extension(self) -> str:
        """Five digits."""
        return str(20_000 + self.number)

    @property
    def address(self) -> str:
        """One of its own."""
        return f"10.78.{self.number // 250}.{self.number % 250 + 1}"

    @property
    def transport(self) -> str:
        """Of SIP: "udp" or "tcp"; "ras" for H.323."""
        return {0: "ras", 1: "tcp", 2: "tcp", 3: "tcp"}.get(self.number % 10, "udp")

    @property
    def identity(self) -> Identity:
        """As the emulated telephones have it."""
        protocol, family = ("h323", "9600") if self.transport == "ras" else ("sip", "J100")
        return Identity(
            self.extension, f"Phone {self.extension}", f"pw-{self.extension}", "Avaya phone", family, protocol
        )


@dataclass(frozen=True)
class Doors:
    """Admits every one of its users."""

    users: dict[str, User]

    checks_passwords = True

    def decide(self, extension: str, *, refresh: bool) -> Decision:  # noqa: ARG002
        """See `Doorkeeper`."""
        return Decision.ADMIT if extension in self.users else Decision.UNKNOWN

    def user(self, extension: str) -> User | None:
        """See `Doorkeeper`."""
        return self.users.get(extension)


async def unit(state: Path, phones: int) -> None:
    """The home system with that many users; its truth log goes below `state`."""
    bench = find_bench("virtual").inventory
    system, host = bench.systems[Role.HOME], str(bench.systems[Role.HOME].address)
    assert system.sip is not None
    assert system.h323 is not None
    identities = [Telephone(number).identity for number in range(phones)]
    doors = Doors(
        {each.extension: User(each.extension, each.name, each.protocol, each.password) for each in identities}
    )
    bindings, truth = Bindings(lambda: None), TruthLog(state, Role.HOME.value)
    settings = RegistrarSettings(system.sip.domain, "403", EXPIRES)
    await Registrar(settings, CLOCK, doors, bindings, truth).serve(host, system.sip.transports, system.sip.port)
    own, other = (host, system.h323.ras_port), (str(bench.systems[Role.FAILOVER].address), system.h323.ras_port)
    ras = GatekeeperSettings("home", own, system.h323.signalling_port, "failover", other, "silent", EXPIRES)
    await Gatekeeper(ras, CLOCK, doors, bindings, truth).serve()
    print("ready", flush=True)
    await _told_to_end()


async def telephones(phones: int, share: int, shares: int, begin: float, seconds: float) -> None:
    """Each begins at a random instant of the storm, which begins at the epoch second `begin`."""
    bench = find_bench("virtual").inventory
    mine = [Telephone(number) for number in range(phones) if number % shares == share]
    print("ready", flush=True)
    tasks = [asyncio.create_task(_one(bench, each, begin + random.uniform(0, seconds))) for each in mine]
    ended = await asyncio.gather(*tasks)
    print(sum(ended), flush=True)
    await _told_to_end()


async def _one(bench: Inventory, phone: Telephone, at: float) -> bool:
    system = bench.systems[Role.HOME]
    host, identity = str(system.address), phone.identity
    assert system.sip is not None
    assert system.h323 is not None
    await asyncio.sleep(max(0.0, at - time.time()))
    if phone.transport == "ras":
        settings = Settings((), "", ((host, system.h323.ras_port),), asks_home=False)
        _STAYING.append(asyncio.create_task(H323Phone(identity, settings, CLOCK, phone.address).run()))
        return True
    transactions = Transactions(CLOCK, lambda *_: None)
    controller = Controller(host, system.sip.port, phone.transport)
    registration = Registration(
        identity, system.sip.domain, controller, sip_behaviour(identity.family), CLOCK, transactions, phone.address
    )
    _STAYING.append(registration)
    return (await registration.register()).outcome is Outcome.ACCEPTED


_STAYING: list[object] = []
"""What must not be closed before the end: a telephone that goes would be another event."""


async def _told_to_end() -> None:
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def main(words: list[str]) -> None:
    """By the words of the command line."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    if words[0] == "unit":
        asyncio.run(unit(Path(words[1]), int(words[2])))
    else:
        phones, share, shares = map(int, words[1:4])
        asyncio.run(telephones(phones, share, shares, float(words[4]), float(words[5])))


if __name__ == "__main__":
    main(sys.argv[1:])
