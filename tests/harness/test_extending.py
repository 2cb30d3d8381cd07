"""docs/extending.md shows diffs of what is really there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIFFS = re.findall(r"```diff\n--- (\S+)\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)


def test_the_page_shows_one_of_each() -> None:
    assert {Path(path).name for path, _ in DIFFS} >= {"telephones.yaml", "clauses.yaml", "test_dhcp.py", "defects.py"}


@pytest.mark.parametrize(("path", "added"), DIFFS, ids=[path for path, _ in DIFFS])
def test_every_added_line_is_there_and_in_that_order(path: str, added: str) -> None:
    lines = (ROOT / path).read_text().splitlines()
    for line in added.splitlines():
        assert line.startswith("+")
        assert line[1:] in lines, f"{path} has no line {line[1:]!r}, or not after the one before it"
        lines = lines[lines.index(line[1:]) + 1 :]
