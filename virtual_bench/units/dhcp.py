"""The DHCP daemon of a unit: dnsmasq, under the unit's control, for telephones behind a relay."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from virtual_bench.units.records import Scope

RAS_PORT = 1719


def option_string(scope: Scope) -> str:
    """The site-specific option: which systems, which port, where the settings file is."""
    return _option(",".join(scope.controllers), scope.settings_server)


def _option(controllers: str, settings_server: str) -> str:
    return f"MCIPADD={controllers},MCPORT={RAS_PORT},HTTPSRVR={settings_server}"


def configuration(scopes: Iterable[Scope], leases: Mapping[str, str], lease_file: Path) -> str:
    """dnsmasq's configuration file; `leases` (MAC to address) are kept for those who have them already."""
    lines = [
        "port=0", "no-resolv", "no-hosts", "interface=eth0", "bind-interfaces", "user=root", "pid-file",
        "log-dhcp", "dhcp-authoritative", "no-ping", f"dhcp-leasefile={lease_file}",
    ]  # fmt: skip
    for number, scope in enumerate(scopes):
        tag = f"scope{number}"
        lines += [
            f"dhcp-range=set:{tag},{scope.low},{scope.high},{scope.netmask},{scope.lease}",
            f"dhcp-option=tag:{tag},3,{scope.router}",
            f"dhcp-option=tag:{tag},6,{scope.dns}",
            f"dhcp-option=tag:{tag},15,{scope.domain}",
            f'dhcp-option=tag:{tag},{scope.sson},"{option_string(scope)}"',
        ]
        if scope.failover_sson is not None:
            lines.append(f'dhcp-option=tag:{tag},{scope.failover_sson},"{_option(scope.failover, scope.failover)}"')
    lines += [f"dhcp-host={mac},{address}" for mac, address in sorted(leases.items())]
    return "\n".join(lines) + "\n"


def read_leases(lease_file: Path) -> dict[str, str]:
    """Address by MAC, as dnsmasq keeps them: `EXPIRY MAC ADDRESS NAME CLIENT-ID` a line."""
    if not lease_file.exists():
        return {}
    fields = [line.split() for line in lease_file.read_text().splitlines()]
    return {parts[1]: parts[2] for parts in fields if len(parts) == 5}


DEAF_TO_BROADCASTS = """
    table ip deaf {
        chain input { type filter hook input priority 0; ip daddr 255.255.255.255 udp dport 67 drop; }
    }
"""
"""For nftables: clients of the own network, which have no relay, are not heard."""


class DhcpDaemon:
    """One dnsmasq, with its files in `folder`; it dies with the process that started it."""

    def __init__(self, folder: Path, *, relayed_only: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        if relayed_only:
            subprocess.run(["nft", "-f", "-"], input=DEAF_TO_BROADCASTS, text=True, check=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def serves(self) -> bool:
        """Whether it is started."""
        return self._process is not None

    @property
    def lease_file(self) -> Path:
        """Where the leases are."""
        return self._folder / "leases"

    def start(self, scopes: Iterable[Scope], leases: Mapping[str, str]) -> None:
        """Serve `scopes`, in place of whatever was served."""
        self.stop()
        path = self._folder / "dnsmasq.conf"
        path.write_text(configuration(scopes, leases, self.lease_file))
        command = ["setpriv", "--pdeathsig", "KILL", "dnsmasq", "--keep-in-foreground", f"--conf-file={path}"]
        self._process = subprocess.Popen([*command, "--log-facility=-"], stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        """Be silent."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
