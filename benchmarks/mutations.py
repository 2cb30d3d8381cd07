"""Mutated captures: packets and files damaged by the thousand. The decoder must not break, and must invent nothing.

    python -m benchmarks.mutations --files 5000

Each file is decoded, which may end in "cannot be decoded", and in that only where the file's own framing is damaged.
Every event, and every media stream, is then held against a second reading of the file (`benchmarks.support`). Files
with odd numbers are read without an inventory. Resumable: a line per 100 files in results/mutations.jsonl; file N is
made from the seed N, `--keep N` writes it. 1 if anything crashed or was invented.
"""

import argparse
import sys
import tempfile
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.mutants import ENDED, mutant
from benchmarks.results_file import append, rows
from benchmarks.support import reading, unsupported
from harness.base.errors import HarnessFault
from harness.base.units import EpochSeconds
from harness.base.versions import git_commit
from harness.capture.decoder import decode
from harness.capture.topology import open_topology, topology_of
from harness.inventory import find_bench

NAME, BATCH, WORKERS = "mutations", 100, 2


def main() -> int:
    """Try the files that no line of the results is about yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument(
        "--keep", type=int, metavar="N", help="only write file N and say what is wrong with its reading"
    )
    options = parser.parse_args()
    if options.keep is not None:
        Path(f"mutant-{options.keep}.pcapng").write_bytes(mutant(options.keep))
        print(*one_file(options.keep), sep="\n")
        return 0
    done = {row["first"] for row in rows(NAME)}
    with ProcessPoolExecutor(WORKERS) as pool:
        for first in (each for each in range(0, options.files, BATCH) if each not in done):
            found: Counter[str] = Counter()
            faults: list[str] = []
            for counted, wrong in pool.map(one_file, range(first, first + BATCH)):
                found += counted
                faults += wrong
            append(NAME, {"commit": git_commit(), "first": first, "files": BATCH, **found, "faults": faults})
            print(f"{first + BATCH} files, {dict(found)}, {len(faults)} faults", flush=True)
    return int(any(row["faults"] for row in rows(NAME)))


def one_file(seed: int) -> tuple[Counter[str], list[str]]:
    """Counts of one mutated file, and what is wrong with what was read from it."""
    topology = open_topology() if seed % 2 else topology_of(find_bench("virtual").inventory)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "home.pcapng"
        file.write_bytes(mutant(seed))
        try:
            found = decode({"home": [file]}, topology, EpochSeconds(ENDED))
        except HarnessFault as fault:
            fine = "cannot be decoded" in str(fault) and not reading(file).whole
            return Counter(undecodable=1), [] if fine else [f"{seed}: {fault}"]
        except Exception:
            return Counter(), [f"{seed}: {traceback.format_exc()}"]
        invented = [f"{seed}: {text}" for text in unsupported(found, reading(file))]
    counted = Counter(events=len(found.events), findings=len(found.findings), streams=len(found.media))
    return counted, invented


if __name__ == "__main__":
    sys.exit(main())
