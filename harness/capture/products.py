"""What devices say of themselves on the wire: product and version, as they put it."""

import subprocess
from pathlib import Path

from harness.base.errors import HarnessFault

FIELDS = ("sip.User-Agent", "sip.Server", "h225.productId", "h225.versionId")
_SOURCES = ("ip.src", "ipv6.src")
WITHIN = 60.0
"""Real seconds for one file."""


def products_seen(file: Path) -> dict[str, str]:
    """Address → what the device there called itself last. Raises HarnessFault where tshark fails."""
    chosen = " or ".join(FIELDS)
    wanted = [word for name in (*_SOURCES, *FIELDS) for word in ("-e", name)]
    words = ["tshark", "-n", "-r", str(file), "-Y", chosen, "-T", "fields", "-E", "occurrence=f", *wanted]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=WITHIN, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise HarnessFault(
            f"tshark does not read {file} ({type(error).__name__}).", next_step="try it by hand."
        ) from None
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {by_ipv4 or by_ipv6: " ".join(filter(None, told)) for by_ipv4, by_ipv6, *told in rows}
