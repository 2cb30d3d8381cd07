"""What ran: versions of our own code and of the tools that make and read evidence."""

import platform
import subprocess
from functools import cache
from pathlib import Path

from harness import __version__


@cache
def git_commit() -> str:
    """The commit of this checkout, with + where the tree differs from it; "unknown" outside of one."""
    root = Path(__file__).resolve().parents[2]
    commit = _first_line("git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*")
    return commit or "unknown"


@cache
def tool_versions() -> dict[str, str]:
    """Name → version of what a recording depends on."""
    return {
        "harness": __version__,
        "commit": git_commit(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "tshark": _first_line("tshark", "--version"),
        "dumpcap": _first_line("dumpcap", "--version"),
    }


def _first_line(*command: str) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.splitlines()[0].strip() if ended.returncode == 0 and ended.stdout else ""
