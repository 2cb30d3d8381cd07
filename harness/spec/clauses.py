"""The clauses as data: identifier, sentence, strength, and what each presupposes."""

from enum import StrEnum
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML


class Strength(StrEnum):
    """How firmly the source says it."""

    MUST = "MUST"
    MAY = "MAY"
    DERIVED = "DERIVED"


class Clause(BaseModel):
    """One testable statement of the specification. Identifiers never change.

    `after`: the clauses presupposed; where one of them failed, this is not judged. `control`: those without which some
    of its cases have no occasion (a refusal counts only if the same requester is let in later). `cases_of`: the clauses
    of which it has cases of its own, for some telephones alone; they are controlled alike.
    `wait`: bench seconds that the statement itself is about, so that nobody can judge it sooner.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    group: str
    strength: Strength
    sentence: str
    after: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    cases_of: tuple[str, ...] = ()
    wait: float = 0.0

    def binds(self, binding: str) -> bool:
        """Whether a departure is a FAIL on a bench with this `binding` setting, or merely NOTED."""
        return self.strength is Strength.MUST or binding == "all"


@cache
def clauses() -> dict[str, Clause]:
    """Every clause by its identifier, from `clauses.yaml` beside this module."""
    data = YAML(typ="safe").load((files(__package__) / "clauses.yaml").read_text())
    found = (
        Clause(id=identifier, group=group, **entry)
        for group, entries in data.items()
        for identifier, entry in entries.items()
    )
    return {clause.id: clause for clause in found}


def presupposed(identifier: str) -> tuple[str, ...]:
    """All that `identifier` presupposes, directly or through another clause."""
    direct = clauses()[identifier].after
    return tuple(dict.fromkeys((*direct, *(far for near in direct for far in presupposed(near)))))
