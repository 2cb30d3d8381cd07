"""Events to timelines in bench seconds, and the measurements of the clauses, as functions."""

from harness.timeline.lanes import Lane, Span
from harness.timeline.line import LineTimeline, Outage
from harness.timeline.measurements import (
    Admission,
    acceptances,
    address_served,
    admission_at,
    confirmations,
    controlled,
    departures,
    in_each_third,
    just_before,
    last_acceptance,
    last_at,
    next_acceptance,
    normal_operation,
    not_due_to_move,
    occasions_before,
    registered_at,
    strays,
    thirds,
    tries,
    vouched,
)
from harness.timeline.presence import Change, Presence, Turn
from harness.timeline.registrations import Attempt, Registrations
from harness.timeline.stimuli import Power, TimedStimulus
from harness.timeline.timeline import DhcpMoment, Timeline

__all__ = [
    "Admission",
    "Attempt",
    "Change",
    "DhcpMoment",
    "Lane",
    "LineTimeline",
    "Outage",
    "Power",
    "Presence",
    "Registrations",
    "Span",
    "TimedStimulus",
    "Timeline",
    "Turn",
    "acceptances",
    "address_served",
    "admission_at",
    "confirmations",
    "controlled",
    "departures",
    "in_each_third",
    "just_before",
    "last_acceptance",
    "last_at",
    "next_acceptance",
    "normal_operation",
    "not_due_to_move",
    "occasions_before",
    "registered_at",
    "strays",
    "thirds",
    "tries",
    "vouched",
]
