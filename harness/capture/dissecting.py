"""A running tshark: capture bytes go in by a thread, rows come out, frame numbers stay those of the file."""

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, TextIO

from harness.base.errors import ConfigurationFault, HarnessFault
from harness.capture.fields import Row, command, rows
from harness.capture.pcapng import INTERFACE, PACKETS, SECTION, Walker, is_media, is_pcapng, link_type
from harness.capture.topology import Topology

_ETHERNET = 1


def need_tshark() -> None:
    """Raises ConfigurationFault where tshark is not installed."""
    if shutil.which("tshark") is None:
        raise ConfigurationFault("tshark is not installed.", next_step="apt-get install tshark")


class Feeder(threading.Thread):
    """Passes a capture file on without its media; `numbers`: the frame number of each packet passed on."""

    def __init__(self, file: Path, out: IO[bytes], signalling: frozenset[int]) -> None:
        super().__init__(name=f"feeding {file.name}", daemon=True)
        self.numbers: list[int] = []
        self.packets = 0
        self.cut_short = False
        self.fault: Exception | None = None
        self._file, self._out, self._signalling = file, out, signalling
        self._links: list[int] = []

    def run(self) -> None:
        """Until the end of the file, or until nobody reads any more."""
        try:
            with self._out, self._file.open("rb") as stream:
                if is_pcapng(stream.peek(4)):
                    self._filtered(stream)
                else:
                    shutil.copyfileobj(stream, self._out)
        except BrokenPipeError:
            pass  # tshark has ended; its exit code and words tell why
        except (ValueError, OSError) as error:
            self.fault = error

    def _filtered(self, stream: BufferedReader) -> None:
        walker = Walker(stream)
        for block in walker.blocks():
            if block.kind == SECTION:
                self._links = []
            elif block.kind == INTERFACE:
                self._links.append(link_type(block))
            elif block.kind in PACKETS:
                self.packets += 1
                ethernet = block.interface < len(self._links) and self._links[block.interface] == _ETHERNET
                if ethernet and is_media(block.packet, self._signalling):
                    continue
                self.numbers.append(self.packets)
            self._out.write(block.raw)
        self.cut_short = walker.within_block


class Dissection:
    """One file through one tshark. Iterate `rows`; `packets` is complete afterwards."""

    def __init__(self, file: Path, topology: Topology) -> None:
        self._file, self._topology = file, topology
        self.packets = 0
        self.cut_short = False

    def rows(self) -> Iterator[tuple[int, Row]]:
        """(frame number in the file, row) of every packet that is not media.

        Raises ConfigurationFault without tshark, HarnessFault where the file cannot be read.
        """
        need_tshark()
        with tempfile.TemporaryFile("w+") as words:
            with subprocess.Popen(
                command(self._topology), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words
            ) as tshark:
                assert tshark.stdin is not None
                assert tshark.stdout is not None
                feeder = Feeder(self._file, tshark.stdin, self._topology.signalling)
                feeder.start()
                try:
                    lines = (line.decode("utf-8", "replace") for line in tshark.stdout)
                    for row in rows(lines):
                        yield (feeder.numbers[row.frame - 1] if feeder.numbers else row.frame), row
                        self.packets = max(self.packets, row.frame)
                finally:
                    tshark.stdout.close()
                    feeder.join()
            self.packets = max(self.packets, feeder.packets)
            self._check(tshark.returncode, words, feeder)

    def _check(self, code: int, words: TextIO, feeder: Feeder) -> None:
        words.seek(0)
        said = [line for line in words.read().splitlines() if line and "could be dangerous" not in line]
        self.cut_short = feeder.cut_short or any("cut short" in line for line in said)
        if (code and not self.cut_short) or feeder.fault:
            why = feeder.fault or (said[-1] if said else f"tshark ended with {code}")
            raise HarnessFault(
                f"{self._file} cannot be decoded: {why}.",
                next_step=f"look at it with `tshark -r {self._file}`.",
            )
