from virtual_bench.scaled_time import ScaledClock
from virtual_bench.units.bindings import Binding
from virtual_bench.units.lockout import FOR_AN_EXTENSION, FROM_AN_ADDRESS, QUARANTINE, WITHIN, Lockout

HERE, ELSEWHERE = "10.77.3.101", "10.77.3.199"


class Clock(ScaledClock):
    """One that the test moves."""

    def __init__(self) -> None:
        super().__init__(1)
        self.at = 0.0

    def now(self) -> float:
        return self.at


def binding(extension: str, peer: str) -> Binding:
    return Binding(extension, "sip", peer, "identity", 180.0, None)


def test_an_extension_whose_password_is_guessed_at_is_answered_no_more_from_anywhere() -> None:
    lockout = Lockout(Clock())
    for _ in range(FOR_AN_EXTENSION):
        assert not lockout.ignores("301", HERE)
        lockout.failed("301", HERE)
    assert lockout.ignores("301", ELSEWHERE)
    assert not lockout.ignores("302", HERE)


def test_an_address_that_guesses_at_many_extensions_is_answered_no_more() -> None:
    lockout = Lockout(Clock())
    for number in range(FROM_AN_ADDRESS):
        assert not lockout.ignores("400", HERE)
        lockout.failed(str(300 + number), HERE)
    assert lockout.ignores("400", HERE)
    assert not lockout.ignores("400", ELSEWHERE)


def test_a_wrong_password_counts_for_ten_minutes() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    for _ in range(FOR_AN_EXTENSION):
        lockout.failed("301", HERE)
        clock.at += 1
    clock.at = WITHIN - 0.5
    assert lockout.ignores("301", HERE)
    clock.at = WITHIN
    assert not lockout.ignores("301", HERE)


def test_a_telephone_that_another_one_displaced_is_in_quarantine_for_five_minutes() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    lockout.displaced(binding("301", HERE), by=binding("301", ELSEWHERE))
    assert lockout.quarantines("301", HERE)
    assert not lockout.quarantines("301", ELSEWHERE)
    assert not lockout.quarantines("302", HERE)
    clock.at = QUARANTINE
    assert not lockout.quarantines("301", HERE)


def test_a_telephone_that_registers_again_or_first_displaces_nobody() -> None:
    lockout = Lockout(Clock())
    lockout.displaced(None, by=binding("301", HERE))
    lockout.displaced(binding("301", HERE), by=binding("301", HERE))
    assert not lockout.quarantines("301", HERE)
