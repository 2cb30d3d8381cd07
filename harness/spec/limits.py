"""Limits that measurements are held against. All values are bench seconds (or a count for `none_of`)."""

from dataclasses import dataclass
from enum import StrEnum


class Relation(StrEnum):
    """How a measurement is to stand to its limit."""

    AT_LEAST = "≥"
    MORE_THAN = ">"
    AT_MOST = "≤"
    NONE = "none"


@dataclass(frozen=True)
class Limit:
    """One limit; `value` in bench seconds, without meaning for NONE."""

    relation: Relation
    value: float

    def __str__(self) -> str:
        return "none" if self.relation is Relation.NONE else f"{self.relation} {self.value:g} s"


def at_least(seconds: float) -> Limit:
    """The measurement is `seconds` or more."""
    return Limit(Relation.AT_LEAST, seconds)


def more_than(seconds: float) -> Limit:
    """The measurement is more than `seconds`."""
    return Limit(Relation.MORE_THAN, seconds)


def at_most(seconds: float) -> Limit:
    """The measurement is `seconds` or less; *never* fails it."""
    return Limit(Relation.AT_MOST, seconds)


def none_of() -> Limit:
    """None of the events that the clause forbids was seen, although there was occasion."""
    return Limit(Relation.NONE, 0)
