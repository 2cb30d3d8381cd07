"""From the inventory's names to drivers; the dialects of the inventory and who speaks them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from harness.base.errors import ConfigurationFault
from harness.base.transcripts import Transcript, Transcripts
from harness.drivers.answers import Allowance
from harness.drivers.console import SerialConsole
from harness.drivers.pdu_apc import ApcPdu
from harness.drivers.probe_ras import RasAccount, RasProbe
from harness.drivers.probe_sip import SipAccount, SipProbe
from harness.drivers.protocols import (
    ConsoleDriver,
    OutletDriver,
    ProbeDriver,
    RouterDriver,
    SwitchDriver,
    UnitDriver,
)
from harness.drivers.router_linux_nftables import LinuxNftablesRouter
from harness.drivers.sensor_host import SensorHost
from harness.drivers.snmp import SnmpAgent
from harness.drivers.ssh import SshTarget
from harness.drivers.switch_cisco_ios import CiscoIosSwitch
from harness.drivers.unit_ssh import UnitSsh
from harness.inventory import Bench, Login, Pdu, Protocol, Role

K = TypeVar("K")
V = TypeVar("V")

SWITCHES: dict[str, Callable[[SshTarget, Transcript], SwitchDriver]] = {"cisco_ios": CiscoIosSwitch}
ROUTERS: dict[str, Callable[[SshTarget, str, Transcript], RouterDriver]] = {"linux_nftables": LinuxNftablesRouter}
PDUS: dict[str, Callable[[str, SnmpAgent], OutletDriver]] = {"apc": ApcPdu}


def switch(bench: Bench, name: str, transcripts: Transcripts) -> SwitchDriver:
    """The driver of the switch `name`; it connects with its first verb, or by `connect`."""
    entry = _entry(bench, bench.inventory.switches, name, "switch")
    target = _target(bench, name, str(entry.address), entry.login)
    return _dialect(SWITCHES, entry.dialect, name)(target, transcripts.of(name))


def router(bench: Bench, name: str, transcripts: Transcripts) -> RouterDriver:
    """The driver of the router `name`."""
    entry = _entry(bench, bench.inventory.routers, name, "router")
    target = _target(bench, name, str(entry.address), entry.login)
    return _dialect(ROUTERS, entry.dialect, name)(target, entry.command, transcripts.of(name))


def pdu(bench: Bench, name: str, transcripts: Transcripts) -> OutletDriver:
    """The driver of the PDU `name`."""
    entry: Pdu = _entry(bench, bench.inventory.pdus, name, "PDU")
    agent = SnmpAgent(name, str(entry.address), entry.port, entry.snmp, transcripts.of(name))
    return _dialect(PDUS, entry.dialect, name)(name, agent)


def unit(bench: Bench, role: Role, transcripts: Transcripts) -> UnitDriver:
    """The driver of the system `role` by SSH. ConfigurationFault where the inventory has no SSH for it."""
    system = bench.inventory.systems[role]
    if system.ssh is None:
        raise ConfigurationFault(
            "the inventory states no SSH for this system.",
            device=role.value,
            next_step="add 'ssh' to it, or use its console.",
        )
    target = _target(bench, role.value, str(system.address), system.ssh)
    return UnitSsh(target, system.reboot_command, transcripts.of(f"{role.value}-ssh"))


def console(bench: Bench, role: Role, transcripts: Transcripts) -> ConsoleDriver:
    """The driver of the console of the system `role`."""
    system = bench.inventory.systems[role]
    if system.console is None:
        raise ConfigurationFault(
            "the inventory states no console for this system.",
            device=role.value,
            next_step="add 'console' to it, or use SSH.",
        )
    entry = _entry(bench, bench.inventory.consoles, system.console, "console")
    return SerialConsole(system.console, entry, transcripts.of(system.console), reboot_command=system.reboot_command)


def sensor(bench: Bench, point: str) -> SensorHost:
    """The machine on which the capture point `point` is. ConfigurationFault where that is this one."""
    entry = bench.inventory.captures[point].sensor
    if entry is None:
        raise ConfigurationFault("this capture point is on this machine.", device=point)
    return SensorHost(_target(bench, f"sensor {point}", str(entry.address), entry.login))


def probe(
    bench: Bench, protocol: Protocol, transcripts: Transcripts, allowance: Allowance, *, stranger: bool = False
) -> ProbeDriver:
    """The registration probe of `protocol`; all probes of a run share one `allowance`.

    `stranger`: with the extension that never registers at home.
    """
    inventory = bench.inventory
    entry = _entry(bench, inventory.probes, protocol, "probe extension")
    if stranger:
        entry = entry.as_stranger()
    like = inventory.phones[entry.like]
    agent, source = like.catalogued.user_agent, str(inventory.lab_host.address.ip)
    transcript, scale = transcripts.of(f"probe-{protocol.value}"), inventory.settings.scale
    if protocol is Protocol.H323:
        return RasProbe(RasAccount(entry, agent, source), inventory.systems, scale, transcript, allowance)
    if like.encrypted:
        raise ConfigurationFault(
            "the probe does not speak SIP over TLS.",
            device=f"probe {entry.extension}",
            next_step="let it be 'like' a phone that registers over UDP or TCP.",
        )
    account = SipAccount(entry, agent, source, like.transport)
    return SipProbe(account, inventory.systems, scale, transcript, allowance)


def _target(bench: Bench, device: str, host: str, login: Login) -> SshTarget:
    # The model's own default holds the placeholder as text; what a file says was expanded when it was read.
    known_hosts = Path(str(bench.inventory.settings.known_hosts).replace("${state}", str(bench.state)))
    return SshTarget(device, host, login.port, login.user, login.password.resolve(), known_hosts)


def _entry(bench: Bench, entries: Mapping[K, V], name: K, what: str) -> V:
    if name not in entries:
        known = ", ".join(map(str, entries)) or "none"
        raise ConfigurationFault(
            f"the inventory has no {what} '{name}'.", bench=bench.name, next_step=f"name one of: {known}."
        )
    return entries[name]


def _dialect(known: Mapping[str, V], dialect: str, device: str) -> V:
    if dialect not in known:
        raise ConfigurationFault(
            f"nobody here speaks the dialect '{dialect}'.",
            device=device,
            next_step=f"use one of: {', '.join(known)}.",
        )
    return known[dialect]
