"""Measurements that mean something on a machine that others use too: what other work disturbed is tried again."""

import os
import time
from collections.abc import Callable

import psutil

OTHERS_AT_MOST = 0.1
"""Of one processor: more than that taken by other processes disturbs a measurement."""
_TRIES = 5
_WAIT = 120.0
_LOOK = 0.5


def undisturbed(measure: Callable[[], float]) -> tuple[float, float]:
    """What it measures, and the part of a processor that others had meanwhile.

    It must have waited for every process it starts. Tried up to five times, each after up to two minutes of waiting
    for quiet; the last try counts.
    """
    for _ in range(_TRIES):
        _wait_for_quiet()
        began, before = time.perf_counter(), _others()
        value = measure()
        others = (_others() - before) / (time.perf_counter() - began)
        if others <= OTHERS_AT_MOST:
            break
    return value, max(0.0, others)


def _others() -> float:
    """Processor seconds that were spent on anything but this process and its ended children."""
    total, own = psutil.cpu_times(), os.times()
    busy = total.user + total.nice + total.system + total.irq + total.softirq + total.steal
    return busy - (own.user + own.system + own.children_user + own.children_system)


def _wait_for_quiet() -> None:
    until = time.monotonic() + _WAIT
    while time.monotonic() < until:
        before = _others()
        time.sleep(_LOOK)
        if (_others() - before) / _LOOK <= OTHERS_AT_MOST:
            return
