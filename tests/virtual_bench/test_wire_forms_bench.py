"""What documentation does not fix, such as how a blocked registration is answered, makes no clause fail."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.virtual_bench.rig import REPOSITORY, VIRTUAL

pytestmark = pytest.mark.bench

FORMS = {
    "404-GRJ-pushed": {"sip_blocked": "'404'", "ras_blocked": "resourceUnavailable", "failback": "pushed"},
    "503-silence-polled": {"sip_blocked": "'503'", "ras_blocked": "silent", "failback": "polled"},
    "silence-RRJ-pushed": {"sip_blocked": "silent", "ras_blocked": "undefinedReason", "failback": "pushed"},
}
"""Name → settings of the virtual bench. Every other night has 403, GRJ with securityDenial, and failback polled."""


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """Name → what a night with `home_lost` left; they are played side by side."""
    folder = tmp_path_factory.mktemp("forms")
    with ThreadPoolExecutor(max_workers=len(FORMS)) as pool:
        yield dict(zip(FORMS, pool.map(lambda name: played(name, folder / name), FORMS), strict=True))


def played(name: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    settings = ", ".join(f"{key}: {value}" for key, value in FORMS[name].items())
    bench = folder / "form.yaml"
    bench.write_text(f"extends: {VIRTUAL}\nvirtual: {{{settings}}}\n")
    words = ["-m", "pytest", "-q", "-m", "failover", "tests/resilience", "--episodes", "home_lost"]
    ended = subprocess.run(
        [sys.executable, *words, "--bench", f"{bench}@{name}", "--runs", str(folder / "runs")],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    results = folder / "runs" / "latest" / "results.json"
    return json.loads(results.read_text()) if results.exists() else {"said": ended.stdout + ended.stderr}


@pytest.mark.parametrize("name", FORMS)
def test_every_clause_holds_whatever_the_form(name: str, nights: dict[str, dict[str, Any]]) -> None:
    night = nights[name]
    assert "cases" in night, night.get("said")
    other = [
        (case["id"], case["outcome"], case["reason"])
        for case in night["cases"]
        if case["outcome"] not in ("passed", "skipped")
    ]
    assert other == []
    assert night["cases"]
