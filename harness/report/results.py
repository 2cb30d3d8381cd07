"""`results.json`: every case with its figures, for trends over nights; `summary.md` for people."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from harness.base.interval import Interval, Measured, Never
from harness.spec import Outcome

SCHEMA_VERSION = 3
"""3: the outcome `skipped`."""


class Row(BaseModel):
    """Common settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Row):
    """One judged measurement, bench seconds; `never_until` instead of an interval where it never happened.

    `budget`: how much of the interval's width comes from each source; `standard_uncertainty`: of all together.
    """

    low: float | None = None
    high: float | None = None
    budget: dict[str, float] = {}
    standard_uncertainty: float | None = None
    never_until: float | None = None
    limit: str | None = None
    outcome: Outcome
    reason: str


class CaseRow(Row):
    """One case of a run."""

    id: str
    clause: str | None
    subjects: tuple[str, ...]
    outcome: Outcome
    blame: str | None
    reason: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    recordings: tuple[str, ...]


class RunRow(Row):
    """One run: where, with what, and how it came out. `began` in epoch seconds.

    `assumed`: the models of its telephones whose form on the wire no documentation fixes.
    """

    schema_version: int = SCHEMA_VERSION
    bench: str
    began: float
    seconds: float
    commit: str
    harness_version: str
    time_scale: float
    replay: bool
    defects: tuple[str, ...]
    lab_clean: bool
    lab_findings: tuple[str, ...]
    counts: dict[str, int]
    firmware: dict[str, str]
    assumed: tuple[str, ...] = ()
    cases: tuple[CaseRow, ...]

    def write(self, folder: Path) -> None:
        """Write `results.json` and `summary.md` into `folder`."""
        (folder / "results.json").write_text(self.model_dump_json(indent=1))
        (folder / "summary.md").write_text(summary(self))


def figure(measured: Measured | None, limit: object, outcome: Outcome, reason: str) -> Figure:
    """A verdict's figures as a row keeps them."""
    shown = str(limit) if limit is not None else None
    if isinstance(measured, Interval):
        return Figure(
            low=measured.low,
            high=measured.high,
            budget=dict(measured.budget),
            standard_uncertainty=measured.standard_uncertainty,
            limit=shown,
            outcome=outcome,
            reason=reason,
        )
    if isinstance(measured, Never):
        return Figure(never_until=measured.until, limit=shown, outcome=outcome, reason=reason)
    return Figure(limit=shown, outcome=outcome, reason=reason)


def last_line(counts: Counter[Outcome], lab_faults: int, *, lab_clean: bool | None) -> str:
    """The run in one line; `lab_clean` None where no lab was used."""
    left = {True: "lab left clean", False: "LAB NOT LEFT CLEAN", None: "no lab used"}[lab_clean]
    other = counts[Outcome.BLOCKED] - lab_faults
    parts = [
        f"{counts[Outcome.PASS]} passed",
        f"{counts[Outcome.FAIL]} product {'defect' if counts[Outcome.FAIL] == 1 else 'defects'}",
        f"{lab_faults} lab {'fault' if lab_faults == 1 else 'faults'}",
        *([f"{other} other faults"] if other else []),
        f"{counts[Outcome.INCONCLUSIVE]} inconclusive",
        f"{counts[Outcome.NOTED]} noted",
        f"{counts[Outcome.NOT_JUDGED]} not judged",
        f"{counts[Outcome.SKIPPED]} skipped",
        f"{counts[Outcome.NOT_RUN]} not run",
        left,
    ]
    return " · ".join(parts)


def skipped(cases: Iterable[CaseRow]) -> list[tuple[str, str, str]]:
    """What the bench cannot judge: each clause with each reason once, and of how many cases that is said."""
    found = Counter((case.clause or "", _why(case)) for case in cases if case.outcome is Outcome.SKIPPED)
    return [
        (clause, reason, f"{count} {'case' if count == 1 else 'cases'}")
        for (clause, reason), count in sorted(found.items())
    ]


def _why(case: CaseRow) -> str:
    """The reason without the clause's name, which stands beside it."""
    return case.figures[-1].reason if case.figures else case.reason


def summary(run: RunRow) -> str:
    """The run as Markdown: what is not green first, each with its reason, then everything by clause.

    What the bench cannot judge has a line a clause, not one a case.
    """
    lines = [
        f"# Bench {run.bench}: {', '.join(f'{count} {word}' for word, count in run.counts.items())}",
        "",
        f"commit {run.commit}, harness {run.harness_version}, {run.seconds:.0f} s, time scale {run.time_scale:g}"
        + (", judged again from recordings" if run.replay else ""),
        "",
    ]
    if run.defects:
        lines += [f"**Defects played:** {', '.join(run.defects)}", ""]
    if run.assumed:
        lines += [f"**Wire form assumed, not documented:** {', '.join(run.assumed)}", ""]
    lines += [f"**Lab left clean:** {'yes' if run.lab_clean else 'NO'}", ""]
    lines += [f"- {finding}" for finding in run.lab_findings] + [""] * bool(run.lab_findings)
    judged = [case for case in run.cases if case.outcome is not Outcome.SKIPPED]
    departures = [case for case in judged if case.outcome is not Outcome.PASS]
    if departures:
        lines += ["## Not passed", "", "| case | outcome | blame | reason |", "|---|---|---|---|"]
        lines += [
            f"| {_name(case)} | {case.outcome} | {case.blame or ''} | {_cell(case.reason)} |" for case in departures
        ]
        lines.append("")
    unjudgeable = skipped(run.cases)
    if unjudgeable:
        lines += ["## Skipped: what this bench cannot judge", "", "| clause | reason | cases |", "|---|---|---|"]
        lines += [f"| {clause} | {_cell(reason)} | {cases} |" for clause, reason, cases in unjudgeable] + [""]
    lines += [
        "## All other cases" if unjudgeable else "## All cases",
        "",
        "| clause | about | outcome | measured (bench s) | limit |",
        "|---|---|---|---|---|",
    ]
    lines += [_line(case) for case in sorted(judged, key=lambda case: (case.clause or "", case.id))]
    return "\n".join(lines) + "\n"


def _line(case: CaseRow) -> str:
    measured = "; ".join(_measured(figure) for figure in case.figures)
    limits = "; ".join(figure.limit or "" for figure in case.figures)
    return f"| {case.clause or ''} | {_name(case)} | {case.outcome} | {measured} | {limits} |"


def _measured(figure: Figure) -> str:
    if figure.low is not None and figure.high is not None:
        return f"{figure.low:.2f} … {figure.high:.2f}"
    return f"never (until {figure.never_until:.1f})" if figure.never_until is not None else "–"


def _name(case: CaseRow) -> str:
    return case.id.rpartition("::")[2]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
