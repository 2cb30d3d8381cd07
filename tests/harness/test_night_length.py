"""How a night on several benches is held against that on one."""

import pytest

from benchmarks.night_length import compared

EXPECTED = {"moves": "passed", "returns": "passed"}


@pytest.mark.parametrize(
    ("outcomes", "differ"),
    [
        (EXPECTED, []),
        (EXPECTED | {"returns": "inconclusive"}, ["returns"]),
        ({"moves": "passed"}, ["returns"]),
        (EXPECTED | {"stays": "passed"}, ["stays"]),
    ],
)
def test_a_case_differs_where_it_came_out_otherwise_or_is_not_in_both(
    outcomes: dict[str, str], differ: list[str]
) -> None:
    told = compared({"real_seconds": 100.0}, outcomes, {"real_seconds": 275.0}, EXPECTED)
    assert told == {"faster": 2.75, "differ": differ}
