"""docs/extending.md shows true diffs: each makes the files of this repository of ones without what it adds."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "extending.md"


class Diff(NamedTuple):
    """One of the page, and the line at which it begins."""

    line: int
    text: str


class Hunk(NamedTuple):
    """What one hunk makes of what, as text; `before` is empty where the file is new."""

    line: int
    path: str
    before: str
    after: str


def diffs() -> list[Diff]:
    page = PAGE.read_text()
    return [
        Diff(page.count("\n", 0, found.start(1)) + 1, found[1])
        for found in re.finditer(r"^```diff\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    ]


def hunks(diff: Diff) -> list[Hunk]:
    found: list[Hunk] = []
    path = ""
    for number, line in enumerate(diff.text.splitlines(), diff.line):
        sign, rest = line[:1], line[1:] + "\n"
        if line.startswith("+++ "):
            path = line.removeprefix("+++ b/")
        elif line.startswith("@@ "):
            found.append(Hunk(number, path, "", ""))
        elif not line.startswith("--- "):
            before, after = "" if sign == "+" else rest, "" if sign == "-" else rest
            found[-1] = found[-1]._replace(before=found[-1].before + before, after=found[-1].after + after)
    return found


def without(diff: Diff) -> dict[str, str]:
    """The files of the repository as they were without what the diff adds; new ones are not among them."""
    texts: dict[str, str] = {}
    for hunk in hunks(diff):
        text = texts.get(hunk.path, (ROOT / hunk.path).read_text())
        assert text.count(hunk.after) == 1, (
            f"docs/extending.md, line {hunk.line}: this is not in {hunk.path}, or more than once. "
            f"Show there what the file has now:\n{hunk.after}"
        )
        texts[hunk.path] = text.replace(hunk.after, hunk.before)
    return {path: text for path, text in texts.items() if text}


def written(texts: dict[str, str], folder: Path) -> Path:
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_the_page_shows_one_of_each() -> None:
    shown = {hunk.path for diff in diffs() for hunk in hunks(diff)}
    assert shown >= {
        "harness/inventory/telephones.yaml",
        "harness/spec/clauses.yaml",
        "tests/resilience/test_dhcp.py",
        "virtual_bench/defects.py",
    }
    assert any(path.startswith("lab_inventory/") for path in shown)


@pytest.mark.parametrize("diff", diffs(), ids=lambda diff: f"line {diff.line}")
def test_a_diff_makes_the_files_what_they_are(diff: Diff, tmp_path: Path) -> None:
    folder = written(without(diff), tmp_path)
    # Not as a part of a repository that the folder may lie in.
    alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    applied = subprocess.run(
        ["git", "apply", "-"], input=diff.text, cwd=folder, env=alone, capture_output=True, text=True, check=False
    )
    assert applied.returncode == 0, f"docs/extending.md, line {diff.line}: {applied.stderr}"
    for path in {hunk.path for hunk in hunks(diff)}:
        came_out = (folder / path).read_text()
        assert came_out == (ROOT / path).read_text(), f"docs/extending.md, line {diff.line}: {path} comes out otherwise"


PROGRAMS = [diff for diff in diffs() if any(hunk.path.endswith(".py") for hunk in hunks(diff))]


@pytest.mark.parametrize("diff", PROGRAMS, ids=lambda diff: f"line {diff.line}")
def test_a_diff_shows_all_that_goes_with_it(diff: Diff, tmp_path: Path) -> None:
    """Without it no program has an import left over, or half a function."""
    folder = written({path: text for path, text in without(diff).items() if path.endswith(".py")}, tmp_path)
    words = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", "."]
    checked = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"docs/extending.md, line {diff.line}: {checked.stdout}"
