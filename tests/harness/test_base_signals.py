"""Work that must not be interrupted half-way."""

import signal
import threading

import pytest

from harness.base.signals import uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_has_its_effect_afterwards(number: signal.Signals) -> None:
    steps: list[str] = []
    before = signal.signal(number, lambda *_: steps.append("handled"))
    try:
        with uninterrupted():
            signal.raise_signal(number)
            signal.raise_signal(number)
            steps.append("done")
        assert steps == ["done", "handled"]
        signal.raise_signal(number)
        assert steps == ["done", "handled", "handled"]
    finally:
        signal.signal(number, before)


def test_ctrl_c_interrupts_once_the_work_is_done() -> None:
    done: list[bool] = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [True]


def test_in_another_thread_it_does_nothing() -> None:
    ran: list[bool] = []

    def work() -> None:
        with uninterrupted():
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [True]
