"""The outcomes of a case, one table for everything that reports."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one case. The values are the words that reports use."""

    PASS = "passed"
    FAIL = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_JUDGED = "not judged"
    BLOCKED = "blocked"
    NOTED = "noted"
    SKIPPED = "skipped"
    """Not for this bench: it has nothing to judge the clause by, or states another configuration."""
    NOT_RUN = "not run"


EXIT_CODES: dict[Outcome, int] = {
    Outcome.FAIL: 1,
    Outcome.BLOCKED: 10,
    Outcome.INCONCLUSIVE: 11,
    Outcome.NOT_RUN: 12,
    Outcome.NOT_JUDGED: 13,
}
"""Exit code of a run by its gravest outcome, gravest first; 0 where only PASS, NOTED and SKIPPED occur.
2 to 5 are pytest's own (interrupted, internal error, usage, nothing collected); 14: the lab was not left clean."""

EXIT_LAB_NOT_CLEAN = 14


def exit_code(outcomes: set[Outcome], *, lab_clean: bool = True) -> int:
    """The exit code of a run with these outcomes."""
    for outcome, code in EXIT_CODES.items():
        if outcome in outcomes:
            return code
    return 0 if lab_clean else EXIT_LAB_NOT_CLEAN
