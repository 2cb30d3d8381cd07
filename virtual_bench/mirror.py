"""Mirror ports: what crosses a switch's ports is copied to a capture interface of the lab host."""

from dataclasses import dataclass

from harness.base.errors import ConfigurationFault
from harness.inventory import Inventory, PortRef


@dataclass(frozen=True)
class Mirror:
    """Both directions of `ports` of `switch` leave at `outlet` and arrive at the lab host's `interface`."""

    switch: str
    ports: tuple[str, ...]
    others: tuple[str, ...]
    outlet: str
    interface: str


def mirrors(inventory: Inventory) -> list[Mirror]:
    """One mirror per capture point. Raises ConfigurationFault where one is to see several switches."""
    return [_mirror(inventory, index, name) for index, name in enumerate(inventory.captures)]


def _mirror(inventory: Inventory, index: int, name: str) -> Mirror:
    capture = inventory.captures[name]
    ports = [_port_of(inventory, device) for device in capture.sees]
    switches = {port.switch for port in ports}
    if len(switches) != 1:
        raise ConfigurationFault(
            f"a mirror port has one switch; this capture point sees ports of {len(switches)}.",
            device=name,
            next_step="give each switch a capture point of its own.",
        )
    switch = switches.pop()
    mirrored = tuple(port.port for port in ports)
    others = tuple(port for port in inventory.switches[switch].ports if port not in mirrored)
    return Mirror(switch, mirrored, others, f"mirror{index}", capture.interface)


def _port_of(inventory: Inventory, device: str) -> PortRef:
    units = {role.value: system.port for role, system in inventory.systems.items()}
    return (units | {name: phone.port for name, phone in inventory.telephones.items()})[device]


def rules(mirror: Mirror, bit: int) -> str:
    """The mirror as a table of nftables; `bit` (0 to 31) of the packet mark is its own.

    A frame is marked when it is copied on its way in, so that it is not copied again on its way out of
    another mirrored port. One to everybody leaves at all of them, as copies that know nothing of each
    other: with several ports it is taken where it enters the switch.
    """
    mark = f"{1 << bit:#x}"
    copied = f'meta mark set meta mark | {mark} dup to "{mirror.outlet}"'
    chains = [_chain(f"in{n}", "ingress", port, copied) for n, port in enumerate(mirror.ports)]
    fresh = f'meta mark & {mark} == 0 dup to "{mirror.outlet}"'
    chains += [_chain(f"out{n}", "egress", port, fresh) for n, port in enumerate(mirror.ports)]
    if len(mirror.ports) > 1:
        to_all = f"meta pkttype {{ broadcast, multicast }} {copied}"
        chains += [_chain(f"all{n}", "ingress", port, to_all) for n, port in enumerate(mirror.others)]
    return f"table netdev {mirror.outlet} {{\n{''.join(chains)}}}\n"


def _chain(name: str, hook: str, port: str, rule: str) -> str:
    return f' chain {name} {{ type filter hook {hook} device "{port}" priority {_PRIORITY}; {rule}; }}\n'


_PRIORITY = 0
