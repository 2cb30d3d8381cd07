"""A running tshark: capture bytes go in by a thread, rows come out, frame numbers stay those of the file."""

import shutil
import subprocess
import tempfile
import threading
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TextIO

import numpy as np

from harness.base.errors import ConfigurationFault, HarnessFault
from harness.base.units import EpochSeconds
from harness.capture.blocks import Scanner
from harness.capture.fields import Row, command, rows
from harness.capture.headers import headers_of, looks_like_media
from harness.capture.media import MediaStream, MediaTracker
from harness.capture.sights import Sights, SightTracker
from harness.capture.topology import Topology

_PIPE = 1 << 20
"""Bytes that the pipes to and from tshark hold, so that neither end waits for the other all the time."""
_READ = 1 << 18
"""Bytes that are read from tshark at once if they are there: each reading gives the feeding thread a turn."""


def need_tshark() -> None:
    """Raises ConfigurationFault where tshark is not installed."""
    if shutil.which("tshark") is None:
        raise ConfigurationFault("tshark is not installed.", next_step="apt-get install tshark")


class Feeder(threading.Thread):
    """Passes capture files on as one, without their media, and keeps what needs no dissector.

    `numbers`: of each packet passed on its number in the files, counted through, from 1.
    """

    def __init__(self, files: Sequence[Path], out: IO[bytes], topology: Topology, point: str) -> None:
        super().__init__(name=f"feeding {files[0].name}", daemon=True)
        self.numbers = array("q")
        self.packets = 0
        self.last_seen = EpochSeconds(0.0)
        self.cut_short: list[Path] = []
        self.fault: Exception | None = None
        self.media = MediaTracker(point)
        self.sights = SightTracker.at(topology, point)
        self._files, self._out, self._signalling = files, out, topology.signalling

    def run(self) -> None:
        """Until the end of the last file, or until nobody reads any more."""
        try:
            with self._out:
                for file in self._files:
                    self._pass_on(file)
        except BrokenPipeError:
            pass  # tshark has ended; its exit code and words tell why
        except (ValueError, OSError) as error:
            self.fault = error

    def _pass_on(self, file: Path) -> None:
        with file.open("rb") as stream:
            scanner = Scanner(stream)
            for batch in scanner.batches():
                headers = headers_of(batch)
                media = looks_like_media(batch, headers, self._signalling)
                self.media.feed(batch, headers, media)
                self.sights.feed(batch, headers)
                self.numbers.frombytes((np.flatnonzero(~media) + 1 + self.packets).tobytes())
                self.packets += len(media)
                if len(media):
                    self.last_seen = EpochSeconds(float(batch.packets.at[-1]))
                self._out.write(batch.without(media))
        if scanner.within_block:
            self.cut_short.append(file)


class Dissection:
    """The files of one capture point through one tshark. Iterate `rows`; all else is complete afterwards.

    `packets`: how many there were; `last_seen`: the stamp of the last one; `cut_short`: files that end within a
    packet; `media` and `sights`: what the packets told that the dissector was not asked about.
    """

    def __init__(self, files: Sequence[Path], topology: Topology, point: str, keys: Path | None = None) -> None:
        self._files, self._topology, self._point, self._keys = files, topology, point, keys
        self.packets = 0
        self.last_seen = EpochSeconds(0.0)
        self.cut_short: Sequence[Path] = ()
        self.media: tuple[MediaStream, ...] = ()
        self.sights: dict[str, Sights] = {}

    def rows(self) -> Iterator[tuple[int, Row]]:
        """(number in the files, row) of every packet that is not media.

        Raises ConfigurationFault without tshark, HarnessFault where the files cannot be read.
        """
        need_tshark()
        with tempfile.TemporaryFile("w+") as words:
            with subprocess.Popen(
                command(self._topology, self._keys),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                bufsize=_READ,
                pipesize=_PIPE,
            ) as tshark:
                assert tshark.stdin is not None
                assert tshark.stdout is not None
                feeder = Feeder(self._files, tshark.stdin, self._topology, self._point)
                feeder.start()
                try:
                    for row in rows(tshark.stdout):
                        yield feeder.numbers[row.frame - 1], row
                finally:
                    tshark.stdout.close()
                    feeder.join()
            self.packets, self.last_seen, self.cut_short = feeder.packets, feeder.last_seen, feeder.cut_short
            self.media, self.sights = feeder.media.streams(), feeder.sights.sights()
            self._check(tshark.returncode, words, feeder)

    def _check(self, code: int, words: TextIO, feeder: Feeder) -> None:
        words.seek(0)
        said = [line for line in words.read().splitlines() if line and "could be dangerous" not in line]
        if code or feeder.fault:
            why = feeder.fault or (said[-1] if said else f"tshark ended with {code}")
            where = ", ".join(str(file) for file in self._files)
            raise HarnessFault(
                f"{where} cannot be decoded: {why}.",
                next_step=f"look at it with `tshark -r {self._files[0]}`.",
            )
