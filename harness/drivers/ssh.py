"""What all drivers over SSH share: a strict client, and the faults behind paramiko's exceptions.

Only the bench's own file of host keys is asked: an unknown or changed host key ends the session before
a password is sent. No agent, no keys of the user, no ~/.ssh.
"""

import logging
import socket
from dataclasses import dataclass
from pathlib import Path

import paramiko

from harness.base.errors import BenchError, ConfigurationFault, LabFault

# A rebooting unit resets its connections: that stands in the transcripts, and is no news for the terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class SshTarget:
    """Where and as whom to log in; `device` is the inventory's name for it."""

    device: str
    host: str
    port: int
    user: str
    password: str
    known_hosts: Path
    connect_within: float = 10.0

    def __repr__(self) -> str:
        return f"SshTarget({self.device}: {self.user}@{self.host}:{self.port})"


def open_client(target: SshTarget) -> paramiko.SSHClient:
    """A client that is logged in. Raises ConfigurationFault or LabFault; waits `connect_within` per step."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    if target.known_hosts.is_file():
        client.load_host_keys(str(target.known_hosts))
    try:
        client.connect(
            target.host,
            target.port,
            target.user,
            target.password,
            timeout=target.connect_within,
            banner_timeout=target.connect_within,
            auth_timeout=target.connect_within,
            allow_agent=False,
            look_for_keys=False,
        )
    except (paramiko.SSHException, OSError, EOFError) as error:
        client.close()
        raise login_fault(error, target) from None
    return client


def greets(target: SshTarget, within: float) -> bool:
    """Whether an SSH server greets there within real seconds; nobody logs in."""
    try:
        with socket.create_connection((target.host, target.port), within) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def login_fault(error: BaseException, target: SshTarget) -> BenchError:
    """The fault behind an exception of paramiko while logging in; it never quotes the exception."""
    where = f"{target.host}:{target.port}"
    if isinstance(error, paramiko.BadHostKeyException):
        return ConfigurationFault(
            f"the host key of {where} is not the one in {target.known_hosts}; nothing was sent.",
            device=target.device,
            next_step="find out why it changed; only then put the new key into that file.",
        )
    if isinstance(error, paramiko.SSHException) and "not found in known_hosts" in str(error):
        return ConfigurationFault(
            f"{where} shows a host key that is not in {target.known_hosts}; nothing was sent.",
            device=target.device,
            next_step="compare it at the device, then put it into that file "
            f"(ssh-keyscan -p {target.port} {target.host}).",
        )
    if isinstance(error, paramiko.AuthenticationException) and not _cut_short(error):
        return ConfigurationFault(
            f"{where} refuses the login of '{target.user}'.",
            device=target.device,
            next_step="check user and password; after three failures units block for a minute.",
        )
    return LabFault(
        f"no SSH session with {where} ({reason_of(error)}).",
        device=target.device,
        next_step="check that it is powered, reachable from the lab host and runs SSH.",
    )


def _cut_short(error: paramiko.AuthenticationException) -> bool:
    """Whether the device went away during the login, which says nothing of the password."""
    return any(word in str(error).lower() for word in ("timeout", "eof", "transport shut down"))


def reason_of(error: BaseException) -> str:
    """A short reason in words of our own; texts of libraries may hold what was sent."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, EOFError):
        return "the device closed the connection"
    return type(error).__name__
