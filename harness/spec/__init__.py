"""The specification: clauses as data, and verdicts by interval arithmetic."""

from harness.spec.clauses import Clause, Strength, clauses
from harness.spec.limits import Limit, at_least, at_most, more_than, none_of
from harness.spec.outcomes import Outcome
from harness.spec.verdicts import Verdict, verdict

__all__ = [
    "Clause",
    "Limit",
    "Outcome",
    "Strength",
    "Verdict",
    "at_least",
    "at_most",
    "clauses",
    "more_than",
    "none_of",
    "verdict",
]
