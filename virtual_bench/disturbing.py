"""Faults of the lab that a virtual bench plays on request: what pulling plugs and stopping processes cannot do.

Everything else is played from outside: a process of a device (`bench status` tells its first one) is stopped or killed.
"""

from harness.inventory import Bench
from virtual_bench import control


def reload_switch(bench: Bench, name: str, seconds: float) -> None:
    """Have the switch `name` go down at once, and up again after `seconds` (real), as a reload does.

    What it was told since it started is forgotten: a port that was shut by command is open again.
    """
    _ask(bench, {"do": "reload", "switch": name, "seconds": seconds})


def type_on_line(bench: Bench, console: str, data: bytes) -> None:
    """Have the unit behind `console` read `data`, as if noise on its line or somebody else had typed it."""
    _ask(bench, {"do": "serial", "console": console, "hex": data.hex(), "towards": "unit"})


def show_on_line(bench: Bench, console: str, data: bytes) -> None:
    """Have whoever reads `console` read `data`, as if noise on its line or the unit's kernel had written it."""
    _ask(bench, {"do": "serial", "console": console, "hex": data.hex(), "towards": "server"})


def _ask(bench: Bench, request: control.Message) -> None:
    for _ in control.ask(bench.state, request):
        pass
