"""Kinds of bench, found by entry point, so that the library needs no import of any of them."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Protocol, cast

from harness.base.errors import ConfigurationFault
from harness.inventory import Bench, BenchState, DeviceState

GROUP = "ipoffice_resilience.bench_kinds"


class BenchKind(Protocol):
    """How a bench of one kind is brought up and entered."""

    def is_up(self, bench: Bench) -> bool:
        """Whether it can be used now."""
        ...

    def up(self, bench: Bench, defects: Sequence[str] = (), progress: Callable[[str], None] = ...) -> None:
        """Bring it up, with defects where the kind can play any; returns when all devices are ready."""
        ...

    def down(self, bench: Bench) -> None:
        """End it, if this kind can be ended; nothing where it is not up."""
        ...

    def defects(self) -> Mapping[str, tuple[str, ...]]:
        """The defects that a bench of this kind can play, each with the clauses it violates."""
        ...

    def state(self, bench: Bench) -> BenchState | None:
        """What it is made of now; None where it is not up."""
        ...

    def enter(self, bench: Bench) -> None:
        """Let this process reach the bench's networks; before any thread exists."""
        ...


class RealBench:
    """A real lab: it is there, and reached over the host's own network."""

    def is_up(self, bench: Bench) -> bool:  # noqa: ARG002
        """Always; the sanity of its devices is found out by asking them."""
        return True

    def up(self, bench: Bench, defects: Sequence[str] = (), progress: Callable[[str], None] = print) -> None:  # noqa: ARG002
        """Nothing to do. A real bench has no defects to order."""
        if defects:
            raise ConfigurationFault(
                "a real bench cannot play a defect.", bench=bench.name, next_step="name a virtual bench."
            )

    def down(self, bench: Bench) -> None:
        """Nothing to do."""

    def defects(self) -> Mapping[str, tuple[str, ...]]:
        """None: it is what it is."""
        return {}

    def state(self, bench: Bench) -> BenchState | None:
        """As the inventory names it; no device is asked."""
        inventory = bench.inventory
        named = [
            *((str(role), "unit") for role in inventory.systems),
            *((name, "switch") for name in inventory.switches),
            *((name, "router") for name in inventory.routers),
            *((name, "PDU") for name in inventory.pdus),
            *((name, "phone") for name in inventory.phones),
        ]
        return BenchState(inventory.description, tuple(DeviceState(name, kind) for name, kind in named))

    def enter(self, bench: Bench) -> None:
        """Nothing to do."""


def bench_kind(name: str) -> BenchKind:
    """The kind called `name`. Raises ConfigurationFault where nothing installed provides it."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise ConfigurationFault(
            f"there is no bench kind '{name}'.", next_step=f"name one of: {', '.join(sorted(found))}."
        )
    return cast(BenchKind, found[name].load()())
