import socket
from pathlib import Path

import pytest

from harness.base.errors import ConfigurationFault, LabFault
from harness.base.secrets import SecretRef
from harness.base.transcripts import Transcript
from harness.drivers.pdu_apc import OUTLET_COMMAND, ApcPdu, outlet_state
from harness.drivers.protocols import Power
from harness.drivers.snmp import SnmpAgent
from harness.inventory import SnmpV2, SnmpV3


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (1, Power.ON),
        (2, Power.OFF),
        (3, Power.UNKNOWN),
        (4, Power.UNKNOWN),
        (0, Power.UNKNOWN),
        (None, Power.UNKNOWN),
    ],
)
def test_an_outlet_is_on_off_or_unknown(value: int | None, state: Power) -> None:
    assert outlet_state(value) is state


class Agent(SnmpAgent):
    """An outlet table in memory; outlet 8 takes commands and does nothing, outlet 9 is there no more."""

    def __init__(self) -> None:
        self.values = {f"{OUTLET_COMMAND}.{outlet}": 1 for outlet in (1, 8)}

    def get(self, oid: str, device: str) -> int | None:  # noqa: ARG002
        return self.values.get(oid)

    def set(self, oid: str, value: int, device: str) -> int | None:  # noqa: ARG002
        if not oid.endswith(".8"):
            self.values[oid] = value
        return value

    def close(self) -> None:
        self.values.clear()


def test_switching_is_read_back() -> None:
    pdu = ApcPdu("pdu-1", Agent(), read_back_within=0.1)
    pdu.off(1)
    assert pdu.state(1) is Power.OFF
    pdu.on(1)
    assert pdu.state(1) is Power.ON


def test_a_pdu_that_lies_is_a_lab_fault() -> None:
    with pytest.raises(LabFault, match=r"pdu-1 outlet 8: the PDU took 'outlet off', but says on"):
        ApcPdu("pdu-1", Agent(), read_back_within=0.1).off(8)


def test_an_outlet_that_is_not_there_is_the_inventory_s_fault() -> None:
    with pytest.raises(ConfigurationFault, match="pdu-1 outlet 9: the PDU has no such outlet"):
        ApcPdu("pdu-1", Agent()).state(9)


@pytest.mark.parametrize("version", [2, 3])
def test_a_dead_pdu_is_a_lab_fault_within_its_deadline(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PDU_SECRET", "long-enough-secret")
    secret = SecretRef(env="PDU_SECRET")
    access = SnmpV2(version=2, community=secret) if version == 2 else SnmpV3(user="u", auth=secret, priv=secret)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        file = Transcript(tmp_path / "pdu-1.txt")
        agent = SnmpAgent("pdu-1", "127.0.0.1", silent.getsockname()[1], access, file, try_for=0.1, tries=2)
        with pytest.raises(LabFault, match=r"no answer .* in 2 tries of 0.1 s") as fault:
            ApcPdu("pdu-1", agent).state(1)
        agent.close()
    assert "long-enough-secret" not in f"{fault.value}{(tmp_path / 'pdu-1.txt').read_text()}"
