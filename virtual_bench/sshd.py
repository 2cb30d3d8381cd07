"""OpenSSH daemons of emulated devices, each with the host key that `bench up` made for it."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from virtual_bench.state import KEYS, KNOWN_HOSTS


@dataclass(frozen=True)
class SshServer:
    """One sshd: whose host key it shows, where it listens, whom it lets in, and what that gets to run.

    `command` is a forced command: a shell command line that replaces whatever the client asked for.
    Empty: the account's login shell. Run it in the device's own namespaces: it needs /run/sshd there,
    and the account of `virtual_bench.accounts`.
    """

    state: Path
    device: str
    address: str
    user: str
    command: str = ""
    port: int = 22

    def arguments(self) -> list[str]:
        """The command line of the daemon; it stays in the foreground and logs to stderr."""
        options = {
            "ListenAddress": self.address,
            "Port": str(self.port),
            "HostKey": str(host_key(self.state, self.device)),
            "AllowUsers": self.user,
            "PermitRootLogin": "yes",  # the emulated accounts have uid 0, see virtual_bench.accounts
            "PasswordAuthentication": "yes",
            "KbdInteractiveAuthentication": "no",
            "PubkeyAuthentication": "no",
            "UsePAM": "no",
            "UseDNS": "no",
            "PrintMotd": "no",
            "PrintLastLog": "no",
            "PidFile": "none",
            "DisableForwarding": "yes",
        }
        if self.command:
            options["ForceCommand"] = self.command
        return ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", *_options(options)]


def start_sshd(server: SshServer) -> subprocess.Popen[bytes]:
    """Start the daemon with this process's namespaces and stderr.

    Ending it leaves its sessions, which are processes of their own: a reboot has to end these, too.
    """
    Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
    return subprocess.Popen(server.arguments(), stdin=subprocess.DEVNULL)


def host_key(state: Path, device: str) -> Path:
    """Where the private host key of `device` is kept; the public one is beside it with `.pub`."""
    return state / KEYS / f"{device}.ed25519"


def make_host_keys(state: Path, servers: Iterable[tuple[str, str, int]]) -> None:
    """A fresh ed25519 key for each (device, address, port), and `known_hosts` that lists them all."""
    lines = []
    for device, address, port in servers:
        key = host_key(state, device)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", device, "-f", str(key)], check=True)
        kind, public, *_ = key.with_suffix(".ed25519.pub").read_text().split()
        lines.append(f"{known_host(address, port)} {kind} {public}\n")
    (state / KNOWN_HOSTS).write_text("".join(lines))


def known_host(address: str, port: int) -> str:
    """How OpenSSH's known_hosts names a server (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return address if port == 22 else f"[{address}]:{port}"


def _options(options: dict[str, str]) -> list[str]:
    return [part for key, value in options.items() for part in ("-o", f"{key} {value}")]
