import pytest

from harness.base.errors import BenchError, Blame, ConfigurationFault, HarnessFault, LabFault


def test_an_error_tells_bench_device_message_and_next_step() -> None:
    error = LabFault("it stays off.", device="pdu-1 outlet 3", next_step="look at it.", bench="virtual")
    assert str(error) == "virtual pdu-1 outlet 3: it stays off. Next: look at it."


def test_what_is_not_known_is_left_out() -> None:
    assert str(HarnessFault("the disk is full.")) == "the disk is full."


@pytest.mark.parametrize(
    ("kind", "blame"),
    [(LabFault, Blame.LAB), (HarnessFault, Blame.HARNESS), (ConfigurationFault, Blame.CONFIGURATION)],
)
def test_each_kind_has_its_blame_and_is_a_bench_error(kind: type[BenchError], blame: Blame) -> None:
    assert kind("message").blame is blame
    assert issubclass(kind, BenchError)
