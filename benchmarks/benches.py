"""The virtual benches to play nights on, and how many of them this machine bears side by side."""

from argparse import ArgumentTypeError
from functools import cache

from harness.base.errors import ConfigurationFault
from harness.inventory import find_bench
from harness.inventory.bench import inventory_folder

AT_ONCE = 3
"""Benches side by side: with four at 30× two cores are near their edge."""
LARGE = 12
"""A bench with more telephones counts as two."""
FIRST = ("virtual", "virtual-all")
"""The one that all others change, and the one with a telephone of every family."""


def existing(name: str) -> str:
    """The name of a bench, as a command line gives it. Raises ArgumentTypeError where there is none."""
    try:
        return find_bench(name).name
    except ConfigurationFault as fault:
        raise ArgumentTypeError(str(fault)) from None


def places(bench: str) -> int:
    """For how many a bench counts."""
    return 2 if len(find_bench(bench).inventory.telephones) > LARGE else 1


@cache
def in_turn() -> tuple[str, ...]:
    """Every virtual bench but those whose night is as long as a real one's."""
    found = {path.stem: find_bench(path.stem).inventory for path in inventory_folder().glob("*.yaml")}
    quick = {name for name, bench in found.items() if bench.kind == "virtual" and bench.settings.time_scale > 1}
    return (*FIRST, *sorted(quick - set(FIRST)))
