"""Single packets in full, for the table of a report: pyshark in a process of its own, which can be ended.

pyshark runs an event loop and a tshark of its own; in a child neither can hang or disturb a run, and
`python -m harness.capture.packets FILE FRAME…` shows the same by hand.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.base.errors import HarnessFault

_PYSHARK_ENDS = (3, 14)
"""The child watchers of asyncio, which pyshark 0.6 asks for, are gone from this version on."""
WITHIN = 30.0
"""Real seconds for one file."""


@dataclass(frozen=True)
class PacketRow:
    """One packet in full. `at` in epoch seconds; `layers`: (layer, ((what, value), …)), outermost first."""

    frame: int
    at: float
    source: str
    destination: str
    protocol: str
    length: int
    layers: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def packet_table(file: Path, frames: Collection[int], within: float = WITHIN) -> tuple[PacketRow, ...]:
    """The packets of `file` with these numbers (from 1), in the order of the file.

    Raises HarnessFault where pyshark fails or takes longer than `within` real seconds.
    """
    if not frames:
        return ()
    if sys.version_info >= _PYSHARK_ENDS:
        raise HarnessFault(
            "pyshark 0.6 does not run on this Python, so packets are not shown in full.",
            next_step=f"use Python 3.11 to 3.13, or `tshark -V -r {file}`.",
        )
    words = [sys.executable, "-m", __name__, str(file), *map(str, sorted(set(frames)))]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=within, check=False)
    except subprocess.TimeoutExpired:
        raise HarnessFault(f"the packets of {file} were not shown in time.", next_step="ask for fewer.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise HarnessFault(f"pyshark cannot show packets of {file}: {last}", next_step=f"try `tshark -V -r {file}`.")
    return tuple(_row(entry) for entry in json.loads(done.stdout))


def _row(entry: dict[str, Any]) -> PacketRow:
    layers = tuple((name, tuple((what, value) for what, value in fields)) for name, fields in entry.pop("layers"))
    return PacketRow(**entry, layers=layers)


def read_packets(file: Path, frames: Iterable[int]) -> list[PacketRow]:
    """The same in this process. The event loop is made here: newer Pythons no longer make one unasked.

    On a loaded machine pyshark takes its own killing of tshark, at the end, for a crash of tshark. That is
    no loss where every packet that was asked for has been read by then.
    """
    import pyshark
    from pyshark.capture.capture import TSharkCrashException

    wanted = set(frames)
    chosen = f"frame.number in {{{','.join(map(str, sorted(wanted)))}}}"
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    found: list[PacketRow] = []
    try:
        with pyshark.FileCapture(str(file), display_filter=chosen, eventloop=loop, keep_packets=False) as capture:
            found.extend(_shown(packet) for packet in capture)
    except TSharkCrashException:
        if {row.frame for row in found} != wanted:
            raise
    return found


def _shown(packet: Any) -> PacketRow:
    network = next((packet[name] for name in ("ip", "ipv6", "eth") if name in packet), None)
    return PacketRow(
        int(packet.number),
        float(packet.sniff_timestamp),
        str(getattr(network, "src", "")),
        str(getattr(network, "dst", "")),
        str(packet.highest_layer),
        int(packet.length),
        tuple((layer.layer_name, tuple(_fields(layer))) for layer in packet.layers),
    )


def _fields(layer: Any) -> Iterable[tuple[str, str]]:
    """Every field that is shown to a person, as (what, value)."""
    for name in layer.field_names:
        for field in layer.get_field(name).all_fields:
            shown = field.showname or f"{name}: {field.show}"
            if not field.hide and " = " not in shown.partition(":")[0]:  # no single bits
                what, _, value = shown.partition(": ")
                yield what, value or str(field.show or "")


if __name__ == "__main__":
    found = read_packets(Path(sys.argv[1]), [int(word) for word in sys.argv[2:]])
    json.dump([asdict(row) for row in found], sys.stdout)
