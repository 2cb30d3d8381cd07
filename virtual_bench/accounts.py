"""Accounts of emulated devices: files that are laid over /etc/passwd and its kin in a device's own mounts."""

import ctypes
import secrets
import string
from dataclasses import dataclass
from pathlib import Path

HOME = "/run"
"""The device's own and gone with it: vtysh leaves a history in the home folder."""
_SALT = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Account:
    """A login of one device.

    It has uid 0 in there: what it runs is one forced command, which may have to be read from a
    checkout that nobody but root can enter.
    """

    user: str
    password: str
    shell: str = "/bin/sh"


def write_accounts(folder: Path, account: Account, host: Path = Path("/etc")) -> dict[Path, str]:
    """Write passwd and shadow of a device to `folder`: the daemons' users of the host, and `account`.

    Returns which file is to be laid over which path. The host's passwords are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    passwd = _others(host / "passwd", account.user)
    passwd.append(f"{account.user}:x:0:0:{account.user}:{HOME}:{account.shell}")
    shadow = [f"{line.split(':')[0]}:*:19000:0:99999:7:::" for line in passwd[:-1]]
    shadow.append(f"{account.user}:{hashed(account.password)}:19000:0:99999:7:::")
    _write(folder / "passwd", passwd, 0o644)
    _write(folder / "shadow", shadow, 0o600)
    return {folder / "passwd": "/etc/passwd", folder / "shadow": "/etc/shadow"}


def hashed(password: str) -> str:
    """`password` as crypt(5) with SHA-512; Python's own module for that is gone from 3.13 on."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    salt = "".join(secrets.choice(_SALT) for _ in range(16))
    return str(crypt(password.encode(), f"$6${salt}$".encode()).decode())


def _others(path: Path, user: str) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith(f"{user}:")]


def _write(path: Path, lines: list[str], mode: int) -> None:
    path.touch(mode=mode)
    path.write_text("\n".join(lines) + "\n")
