"""Access switches: a Linux bridge whose ports FRRouting's command line shuts, behind an OpenSSH daemon."""

import shlex
from pathlib import Path

from harness.inventory import Bench
from virtual_bench.accounts import Account, write_accounts
from virtual_bench.process import Program
from virtual_bench.sshd import SshServer
from virtual_bench.state import FILES

_FRR = "/usr/lib/frr"


def switch_program(bench: Bench, name: str) -> Program:
    """What the switch `name` runs. Its command line is vtysh, which has no way to a shell."""
    login = bench.inventory.switches[name].login
    account = Account(login.user, login.password.resolve())
    files = write_accounts(bench.state / FILES / name, account)
    return Program(("bash", "-c", _script(ssh_server(bench, name))), files, _PREPARE)


def ssh_server(bench: Bench, name: str) -> SshServer:
    """The daemon at the management address of the switch `name`."""
    switch = bench.inventory.switches[name]
    return SshServer(
        bench.state, name, str(switch.address), switch.login.user, "exec /usr/bin/vtysh", switch.login.port
    )


_PREPARE = (
    "mount -t tmpfs tmpfs /etc/frr",
    "touch /etc/frr/vtysh.conf /etc/frr/zebra.conf /etc/frr/mgmtd.conf",
    "[ ! -d /var/lib/frr ] || mount -t tmpfs tmpfs /var/lib/frr",
    "chown -R frr:frr /etc/frr $(ls -d /var/lib/frr 2>/dev/null || true)",
    "install -d -o frr -g frr /run/frr",
    "mount -t tmpfs tmpfs /var/tmp",
    "install -d -m 755 /run/sshd",
)


def _script(server: SshServer) -> str:
    """The daemons side by side. When one ends the switch ends, which the supervisor notices.

    From FRRouting 10 on, interfaces are configured through mgmtd.
    """
    daemon = "-A 127.0.0.1 -P 0 --log stdout --log-level errors"
    return "\n".join(
        [
            f"[ -x {_FRR}/mgmtd ] && {_FRR}/mgmtd {daemon} &" if Path(f"{_FRR}/mgmtd").exists() else "",
            f"{_FRR}/zebra {daemon} &",
            f"{shlex.join(server.arguments())} &",
            "wait -n",
        ]
    )
