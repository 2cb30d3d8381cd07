"""A sample of `benchmarks.mutations`: damaged captures neither crash the decoder nor have it invent anything."""

from collections import Counter

from benchmarks.mutations import one_file
from tests.harness.decoding import needs_tshark


@needs_tshark
def test_mutated_captures_invent_nothing() -> None:
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for seed in range(1_000_000, 1_000_030):
        counted, wrong = one_file(seed)
        counts += counted
        faults += wrong
    assert not faults
    assert counts["events"] > 20
    assert counts["findings"] > 2
