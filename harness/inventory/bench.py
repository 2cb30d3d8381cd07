"""A bench by its name: which file describes it, and where its state is kept on this host."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.base.errors import ConfigurationFault, on_bench
from harness.inventory.loading import load_inventory
from harness.inventory.models import Inventory

_NAME = re.compile(r"(?P<file>[A-Za-z0-9][A-Za-z0-9._-]*)(@(?P<tag>[a-z0-9-]+))?")


@dataclass(frozen=True)
class Bench:
    """One bench, or one instance of it.

    `name` is "virtual" or, for a further instance of the same file, "virtual@2". `state` is the
    folder of its journal, lease and, for a virtual bench, keys and sockets.
    """

    name: str
    path: Path
    state: Path
    inventory: Inventory

    @property
    def argument(self) -> str:
        """How to name it to another process."""
        _, at, tag = self.name.partition("@")
        return f"{self.path}{at}{tag}"


@dataclass(frozen=True)
class DeviceState:
    """One device as its bench kind knows it without asking it; "" where that is not known."""

    name: str
    kind: str
    power: str = ""
    link: str = ""
    pid: int | None = None


@dataclass(frozen=True)
class BenchState:
    """What a bench is made of now; `remark` is what is to be known of the whole."""

    remark: str
    devices: tuple[DeviceState, ...]


def find_bench(name: str, folder: Path | None = None) -> Bench:
    """The bench called `name`: `lab_inventory/NAME.yaml`, or a path of a YAML file.

    "NAME@TAG" is another instance of the same bench with its own state. Raises ConfigurationFault.
    """
    path, instance = _locate(name, folder or inventory_folder())
    state = state_folder(path) / instance
    with on_bench(instance):
        return Bench(instance, path, state, load_inventory(path, state))


def inventory_folder() -> Path:
    """`$LAB_INVENTORY`, else the `lab_inventory` of this checkout, else of the working directory."""
    if "LAB_INVENTORY" in os.environ:
        return Path(os.environ["LAB_INVENTORY"])
    beside = Path(__file__).resolve().parents[2] / "lab_inventory"
    return beside if beside.is_dir() else Path.cwd() / "lab_inventory"


def state_folder(path: Path) -> Path:
    """Where this host keeps the state of benches: `$LAB_STATE`, else `.lab/state` beside the inventory's folder."""
    if "LAB_STATE" in os.environ:
        return Path(os.environ["LAB_STATE"])
    return path.resolve().parent.parent / ".lab" / "state"


def _locate(name: str, folder: Path) -> tuple[Path, str]:
    file, _, tag = name.partition("@")
    if file.endswith((".yaml", ".yml")):
        path = Path(file).resolve()
        stem = path.stem
    else:
        if not _NAME.fullmatch(name):
            raise ConfigurationFault(f"'{name}' is not a bench's name.", next_step="name it NAME or NAME@INSTANCE.")
        path, stem = folder / f"{file}.yaml", file
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.yaml"))) or "none"
        raise ConfigurationFault(f"there is no bench '{stem}' (looked for {path}).", next_step=f"name one of: {known}.")
    return path, f"{stem}@{tag}" if tag else stem
