"""What a virtual bench that is up keeps in its folder: the effective inventory, keys, logs, who holds it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.base.errors import ConfigurationFault, HarnessFault
from harness.inventory import Bench, Inventory, VirtualSettings
from harness.inventory.consistency import findings

EFFECTIVE, SUPERVISOR, CONTROL, KNOWN_HOSTS = "effective.json", "supervisor.json", "control", "known_hosts"
LOGS, KEYS, SECRETS, TRUTH, FILES = "log", "keys", "secrets", "truth", "files"
_MADE_HERE = (EFFECTIVE, SUPERVISOR, CONTROL, KNOWN_HOSTS, LOGS, KEYS, SECRETS, TRUTH, FILES)


@dataclass(frozen=True)
class Device:
    """One device of a bench that is up.

    `network` is the path of its network namespace, `pid` the host's number of its first process,
    None while it has no power or where it runs none of its own.
    """

    kind: str
    network: str
    pid: int | None
    power: bool


@dataclass(frozen=True)
class Running:
    """What `supervisor.json` says: host pid, start (epoch seconds), defects, devices by name."""

    pid: int
    started: float
    defects: tuple[str, ...]
    devices: dict[str, Device]

    def write(self, state: Path) -> None:
        """Replace `supervisor.json` at once, so that nobody reads half of it."""
        fresh = state / f"{SUPERVISOR}.new"
        fresh.write_text(json.dumps(asdict(self), indent=1))
        fresh.rename(state / SUPERVISOR)


def read_running(state: Path) -> Running | None:
    """What the supervisor last wrote; None where there is no bench. It may be of one that died since."""
    try:
        data = json.loads((state / SUPERVISOR).read_text())
    except FileNotFoundError:
        return None
    devices = {name: Device(**device) for name, device in data["devices"].items()}
    return Running(data["pid"], data["started"], tuple(data["defects"]), devices)


def load_effective(state: Path) -> Bench:
    """The bench whose state is kept in the folder `state`, as brought up: with overrides and defects.

    Raises HarnessFault where no bench has been brought up there.
    """
    path = state / EFFECTIVE
    try:
        return Bench(state.name, path, state, Inventory.model_validate_json(path.read_bytes()))
    except FileNotFoundError:
        raise HarnessFault(f"there is no {path}.", next_step="bench up writes it.") from None


def write_effective(bench: Bench) -> None:
    """Keep the inventory that is to be built, for the processes of the bench."""
    (bench.state / EFFECTIVE).write_text(bench.inventory.model_dump_json(indent=1, exclude_none=True))


def with_defects(bench: Bench, defects: Sequence[str]) -> Bench:
    """The same bench whose units are to play `defects` besides those of its inventory."""
    virtual = bench.inventory.virtual or VirtualSettings()
    together = tuple(dict.fromkeys((*virtual.defects, *defects)))
    virtual = virtual.model_copy(update={"defects": together})
    return replace(bench, inventory=bench.inventory.model_copy(update={"virtual": virtual}))


def with_overrides(bench: Bench, overrides: Mapping[str, str]) -> Bench:
    """The same bench with values set by dotted key, such as `virtual.failback` = `pushed`.

    Raises ConfigurationFault for a key or value that the inventory's models refuse.
    """
    data: dict[str, Any] = bench.inventory.model_dump(mode="json", exclude_none=True)
    for key, value in overrides.items():
        *parents, last = key.split(".")
        place = data
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise _refused(bench, key, f"'{parent}' holds a single value")
        place[last] = value
    return replace(bench, inventory=_validated(bench, data, ", ".join(overrides)))


def clear(state: Path) -> None:
    """Remove everything that a bench made in its folder; the rest there is the harness's."""
    _remove(state, _MADE_HERE)


def forget(state: Path) -> None:
    """Remove what the harness noted of devices that are gone for good, too: none of it can be undone any more."""
    _remove(state, ("journal", "deeds.jsonl", "recovery"))


def _remove(state: Path, names: Sequence[str]) -> None:
    for name in names:
        path = state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _validated(bench: Bench, data: dict[str, Any], keys: str) -> Inventory:
    try:
        inventory = Inventory.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise _refused(bench, keys, f"{place}: {problem['msg']}") from None
    for finding in findings(inventory):
        raise _refused(bench, keys, f"{'.'.join(map(str, finding.place))}: {finding.expected}")
    return inventory


def _refused(bench: Bench, key: str, reason: str) -> ConfigurationFault:
    return ConfigurationFault(
        f"--set {key} does not fit: {reason}.",
        bench=bench.name,
        next_step="see the inventory's schema for keys.",
    )
