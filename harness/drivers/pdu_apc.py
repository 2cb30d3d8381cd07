"""Outlets of an APC power strip, by SNMP (PowerNet-MIB, rPDUOutletControlOutletCommand)."""

from harness.base.clock import Deadline
from harness.base.errors import ConfigurationFault, LabFault
from harness.drivers.protocols import Power
from harness.drivers.snmp import SnmpAgent

OUTLET_COMMAND = "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4"
"""rPDUOutletControlOutletCommand: immediateOn (1), immediateOff (2), immediateReboot (3), outletUnknown (4),
delayedOn (5), delayedOff (6), delayedReboot (7); reading it gives the outlet's state (PowerNet-MIB)."""
READ_BACK_WITHIN = 5.0
"""Real seconds after the command until the outlet must be read in the state that was set."""

_COMMANDS = {Power.ON: 1, Power.OFF: 2}
_STATES = {value: state for state, value in _COMMANDS.items()}


def outlet_state(value: int | None) -> Power:
    """What a value of rPDUOutletControlOutletCommand says: anything but 1 and 2 is UNKNOWN."""
    return _STATES.get(value, Power.UNKNOWN) if value is not None else Power.UNKNOWN


class ApcPdu:
    """A PDU of dialect `apc`. `read_back_within` is in real seconds."""

    def __init__(self, name: str, agent: SnmpAgent, *, read_back_within: float = READ_BACK_WITHIN) -> None:
        self._name, self._agent, self._read_back_within = name, agent, read_back_within

    def on(self, outlet: int) -> None:
        """Give power; returns when the PDU says that the outlet is on."""
        self._set(outlet, Power.ON)

    def off(self, outlet: int) -> None:
        """Take power away; returns when the PDU says that the outlet is off."""
        self._set(outlet, Power.OFF)

    def state(self, outlet: int) -> Power:
        """What the PDU says of `outlet` now."""
        value = self._agent.get(f"{OUTLET_COMMAND}.{outlet}", self._device(outlet))
        if value is None:
            raise ConfigurationFault(
                "the PDU has no such outlet.",
                device=self._device(outlet),
                next_step="check the outlet's number and the PDU's dialect in the inventory.",
            )
        return outlet_state(value)

    def close(self) -> None:
        """End the session."""
        self._agent.close()

    def _set(self, outlet: int, wanted: Power) -> None:
        self._agent.set(f"{OUTLET_COMMAND}.{outlet}", _COMMANDS[wanted], self._device(outlet))
        seen = [Power.UNKNOWN]

        def as_wanted() -> bool:
            seen.append(self.state(outlet))
            return seen[-1] is wanted

        if not Deadline.after(self._read_back_within).poll(as_wanted, every=0.05):
            raise LabFault(
                f"the PDU took 'outlet {wanted}', but says {seen[-1]} {self._read_back_within:g} s later.",
                device=self._device(outlet),
                next_step="look at the outlet itself: is it locked, is its relay stuck?",
            )

    def _device(self, outlet: int) -> str:
        return f"{self._name} outlet {outlet}"
