"""Power strips: Net-SNMP's snmpd with the outlet table of an APC (PowerNet-MIB, rPDUOutletControl)."""

import shlex
import sys
from pathlib import Path

from harness.inventory import Bench, Pdu, SnmpV2
from virtual_bench.process import Program
from virtual_bench.state import FILES

OUTLET_TABLE = ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4"
_HANDLER = Path(__file__).with_name("outlet_table.py")
_AUTH = {"SHA": "SHA", "SHA256": "SHA-256"}


def pdu_program(bench: Bench, name: str) -> Program:
    """What the PDU `name` runs: snmpd, which asks `outlet_table.py`, which asks the supervisor."""
    pdu = bench.inventory.pdus[name]
    file = bench.state / FILES / name / "snmpd.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(_access(pdu) + _outlets(bench.state, name, pdu))
    command = ("/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", str(file), "-p", "/run/snmpd.pid", "-I", _MODULES)
    return Program(
        (*command, f"udp:{pdu.address}:{pdu.port}"),
        environment={"SNMP_PERSISTENT_DIR": "/run/snmp", "MIBS": "", "MIBDIRS": "/nonexistent"},
    )


_MODULES = "usmUser,snmpEngine,usmConf,vacm_conf,vacm_vars,vacm_context,pass,pass_persist,snmpv3,snmpv3mibs"
"""No more of the agent than access and the table: the rest looks at the whole host when it starts."""


def _access(pdu: Pdu) -> str:
    if isinstance(pdu.snmp, SnmpV2):
        return f'rwcommunity "{pdu.snmp.community.resolve()}"\n'
    snmp = pdu.snmp
    auth, priv = snmp.auth.resolve(), snmp.priv.resolve()
    return (
        f'createUser {snmp.user} {_AUTH[snmp.auth_protocol]} "{auth}" {snmp.priv_protocol} "{priv}"\n'
        f"rwuser {snmp.user} priv\n"
    )


def _outlets(state: Path, name: str, pdu: Pdu) -> str:
    numbers = ",".join(str(number) for number in sorted(pdu.outlets))
    handler = [sys.executable, "-I", "-S", str(_HANDLER), str(state), name, OUTLET_TABLE, numbers]
    return f"pass_persist {OUTLET_TABLE} {shlex.join(handler)}\n"
