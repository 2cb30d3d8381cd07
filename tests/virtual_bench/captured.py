"""What tests have dumpcap write beside the harness."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TAIL = 0.6
"""Real seconds of quiet without which dumpcap loses what it saw last."""


@contextmanager
def captured(file: Path, *words: str, within: Sequence[str] = ()) -> Iterator[None]:
    """dumpcap with `words` writes to `file` what passes during the block. `within`: the command that it runs under.

    Its messages are read to the end: dumpcap ends when one finds no reader.
    """
    command = [*within, "dumpcap", "-q", *words, "-w", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as dumpcap:
        assert dumpcap.stderr is not None
        while "File:" not in dumpcap.stderr.readline():
            assert dumpcap.poll() is None
        try:
            yield
            time.sleep(TAIL)
            assert dumpcap.poll() is None, "it ended before it was told to"
        finally:
            dumpcap.terminate()
            dumpcap.communicate()
    assert dumpcap.returncode == 0
