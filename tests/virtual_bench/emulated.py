"""For tests: what the services of one emulated unit are given, without a bench."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from harness.inventory import Bench, Role, find_bench
from harness.inventory.loading import load_inventory
from virtual_bench.certificates import make_certificates
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.secrets import make_secrets
from virtual_bench.state import with_defects, with_overrides
from virtual_bench.truth import TruthLog
from virtual_bench.units.surroundings import Surroundings


def surroundings(
    folder: Path, role: Role, defects: Sequence[str] = (), overrides: Mapping[str, str] | None = None
) -> Surroundings:
    """A unit of the virtual bench whose files and secrets are in `folder`."""
    found = find_bench("virtual")
    bench = replace(found, state=folder, inventory=load_inventory(found.path, folder))
    make_secrets(folder, bench.inventory)
    bench = with_overrides(with_defects(bench, defects), overrides or {})
    return Surroundings(bench, role, ScaledClock(60), TruthLog(folder, role.value))


def certified(state: Path, host: str, root: str = "lab") -> Bench:
    """The virtual bench with its certificates made, that of the failover system at `host` signed by `root`."""
    found = find_bench("virtual")
    systems = found.inventory.systems
    failover = systems[Role.FAILOVER].model_copy(
        update={"address": IPv4Address(host), "certificate_root": root, "sip": systems[Role.HOME].sip}
    )
    inventory = found.inventory.model_copy(update={"systems": {**systems, Role.FAILOVER: failover}})
    make_certificates(state, inventory)
    return replace(found, state=state, inventory=inventory)


def free_port() -> int:
    """One at which nobody listens by TCP now, at whatever address."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as stream:
        stream.bind(("::", 0))
        return int(stream.getsockname()[1])
