"""A conforming bench makes no clause fail: whatever form documentation leaves open, whatever a bench file states.

One form and one of the further bench files, others with each state of the code. All of them, side by side, three at
once: `LAB_NIGHTS=all pytest tests/virtual_bench/test_conforming_bench.py`.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from benchmarks.benches import AT_ONCE
from benchmarks.results_file import code_state
from harness.episodes.recording import Recording
from harness.inventory import VirtualSettings
from tests.virtual_bench.rig import REPOSITORY, VIRTUAL
from tests.virtual_bench.understood import Understood, carriers_of, kinds_of, portals_of, products_of

pytestmark = pytest.mark.bench


@dataclass(frozen=True)
class Night:
    """One night: these episodes on a bench; `form` are settings of the virtual bench that are laid over its file.

    So is the period of the line's keepalives.
    """

    bench: str = "virtual"
    episodes: tuple[str, ...] = ("home_lost",)
    form: str = ""
    period: float = 30


FORMS = {
    "404-GRJ-pushed": Night(form="sip_blocked: '404', ras_blocked: resourceUnavailable, failback: pushed"),
    "503-silence-polled": Night(form="sip_blocked: '503', ras_blocked: silent, failback: polled"),
    "silence-RRJ-pushed": Night(form="sip_blocked: silent, ras_blocked: undefinedReason, failback: pushed"),
    "404-RRJ-polled-20s": Night(form="sip_blocked: '404', ras_blocked: invalidAlias, failback: polled", period=20),
}
"""Every other night has 403, GRJ with securityDenial, failback polled, and a keepalive each 30 s."""
FILES = {
    night.bench: night
    for night in (
        Night("virtual-all", ("home_lost", "softphones_alone")),
        Night("virtual-ipv6", ("home_lost", "paths_blocked")),
        Night("virtual-manual", ("manual_failback",)),
        Night("virtual-no-h323"),
        Night("virtual-no-ipv6"),
        Night("virtual-no-portal", ("home_lost", "phone_repowered")),
        Night("virtual-no-sip"),
        Night("virtual-one-subnet", ("phone_repowered",)),
        Night("virtual-other-domain"),
        Night("virtual-other-root"),
        Night("virtual-tls"),
    )
}
"""The bench files that state something of their own, each with the episodes of the clauses that are about it."""


def chosen() -> dict[str, Night]:
    """The nights to play."""
    nights = {**FORMS, **FILES}
    if os.environ.get("LAB_NIGHTS") == "all":
        return nights
    draw = random.Random(code_state())
    return {name: nights[name] for name in (draw.choice(sorted(FORMS)), draw.choice(sorted(FILES)))}


@dataclass(frozen=True)
class Played:
    """A night's results, or what was said instead, and the folder of its recordings."""

    name: str
    results: dict[str, Any]
    recordings: Path


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Played]]:
    """They are played side by side."""
    folder, wanted = tmp_path_factory.mktemp("nights"), chosen()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield list(pool.map(lambda name: played(name, wanted[name], folder / name), wanted))


def played(name: str, night: Night, folder: Path) -> Played:
    folder.mkdir(parents=True)
    bench = folder / "bench.yaml"
    lines = [
        f"extends: {VIRTUAL.with_name(f'{night.bench}.yaml')}",
        f"virtual: {{{night.form}}}",
        f"line: {{keepalive: {{period: {night.period}}}}}",
    ]
    bench.write_text("\n".join(lines))
    words = ["-m", "pytest", "-q", "-m", "failover", "tests/resilience", "--episodes", ",".join(night.episodes)]
    ended = subprocess.run(
        [sys.executable, *words, "--bench", f"{bench}@{name}", "--runs", str(folder / "runs")],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    run = folder / "runs" / "latest"
    results = run / "results.json"
    found = json.loads(results.read_text()) if results.exists() else {"said": ended.stdout + ended.stderr}
    return Played(name, found, run / "recordings")


@pytest.mark.parametrize("number", range(len(chosen())))
def test_every_clause_holds(number: int, nights: list[Played]) -> None:
    name, night = nights[number].name, nights[number].results
    assert "cases" in night, f"{name}: {night.get('said')}"
    outcomes = [(case["id"], case["outcome"], case["reason"]) for case in night["cases"]]
    assert [each for each in outcomes if each[1] not in ("passed", "skipped")] == [], name
    assert any(outcome == "passed" for _, outcome, _ in outcomes), name


@pytest.mark.parametrize("number", range(len(chosen())))
def test_tshark_understands_every_message(number: int, nights: list[Played]) -> None:
    """Of every telephone, by whatever it registers, refusals included."""
    seen = Understood()
    for folder in nights[number].recordings.iterdir():
        recording = Recording.load(folder)
        inventory = recording.inventory
        for capture in recording.manifest.captures:
            for file in recording.files_of(capture):
                seen.add(file, recording.keys.get(capture.point), portals_of(inventory))
    assert seen.objections == []
    assert products_of(inventory) - seen.products == set()
    assert carriers_of(inventory) - seen.carriers == set()
    if "home_lost" in chosen()[nights[number].name].episodes:
        assert kinds_of(inventory) - seen.kinds == set()


@pytest.mark.parametrize("setting", ["sip_blocked", "ras_blocked", "failback"])
def test_every_form_that_a_bench_file_can_state_has_a_night(setting: str) -> None:
    field = VirtualSettings.model_fields[setting]
    played = {VirtualSettings.model_validate(YAML(typ="safe").load(f"{{{night.form}}}")) for night in FORMS.values()}
    assert {getattr(each, setting) for each in played} | {field.default} == set(get_args(field.annotation))


def test_every_further_bench_file_has_a_night() -> None:
    """But those that state no more than a form, or another time scale."""
    files = {path.stem for path in VIRTUAL.parent.glob("virtual-*.yaml")}
    assert files - set(FILES) == {"virtual-late", "virtual-pushed", "virtual-realtime"}
