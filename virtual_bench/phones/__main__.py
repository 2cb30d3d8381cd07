"""`python -m virtual_bench.phones --state DIR --phone NAME`: one emulated telephone, from power on."""

import argparse
import asyncio
import time
from pathlib import Path

STARTED = time.monotonic()

from harness.inventory import Bench  # noqa: E402  (booting is timed from the very start)
from virtual_bench.phones.telephone import Telephone  # noqa: E402
from virtual_bench.state import load_effective  # noqa: E402


def main() -> None:
    """Be the telephone until its power goes."""
    parser = argparse.ArgumentParser(prog="virtual_bench.phones")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--phone", required=True)
    options = parser.parse_args()
    bench: Bench = load_effective(options.state)
    asyncio.run(Telephone(bench, options.phone, STARTED).run())


if __name__ == "__main__":
    main()
