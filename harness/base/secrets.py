"""Secrets are references, never values, and are masked by value at every sink.

A reference names an environment variable, a file (readable by its owner alone) or a keyring entry.
Resolving one registers its value, and `mask` replaces every registered value in a text. All sinks
(transcripts, logs, error messages, attachments) pass their text through `mask`.
"""

import os
import stat
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from harness.base.errors import ConfigurationFault

MASK = "••••••"
_known: set[str] = set()


class SecretRef(BaseModel):
    """Where a secret is kept: exactly one of `env`, `file`, `keyring` ("service/user")."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = None
    file: Path | None = None
    keyring: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, data: object) -> object:
        if isinstance(data, str | int | float):
            # The value itself is kept out of the message on purpose.
            raise ValueError(
                "a secret in clear text is refused; expected a reference: {env: NAME}, {file: PATH} "
                "or {keyring: SERVICE/USER}"
            )
        return data

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        if sum(part is not None for part in (self.env, self.file, self.keyring)) != 1:
            raise ValueError("expected exactly one of env, file, keyring")
        return self

    def resolve(self) -> str:
        """The secret itself; it is masked in every sink from now on.

        Raises ConfigurationFault where it is missing, empty or readable by others.
        """
        value = self._read().strip()
        if not value:
            raise ConfigurationFault(f"the secret {self} is empty.", next_step="store a value there.")
        register(value)
        return value

    def _read(self) -> str:
        if self.env is not None:
            return self._from_env(self.env)
        if self.file is not None:
            return self._from_file(self.file)
        return self._from_keyring(str(self.keyring))

    def _from_env(self, name: str) -> str:
        if name not in os.environ:
            raise ConfigurationFault(f"the environment variable {name} is not set.", next_step=f"export {name}=…")
        return os.environ[name]

    def _from_file(self, path: Path) -> str:
        try:
            mode = path.stat().st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationFault(
                    f"the secret file {path} can be read by others.", next_step=f"chmod 600 {path}"
                )
            return path.read_text()
        except OSError as error:
            raise ConfigurationFault(
                f"the secret file {path} cannot be read ({error.strerror}).",
                next_step="create it with mode 600, or bring the virtual bench up.",
            ) from None

    def _from_keyring(self, entry: str) -> str:
        import keyring

        service, _, user = entry.rpartition("/")
        value = keyring.get_password(service, user)
        if value is None:
            raise ConfigurationFault(
                f"the keyring holds nothing for {entry}.", next_step=f"keyring set {service} {user}"
            )
        return value

    def __str__(self) -> str:
        if self.env is not None:
            return f"env:{self.env}"
        return f"file:{self.file}" if self.file is not None else f"keyring:{self.keyring}"

    __repr__ = __str__


def register(value: str | SecretStr) -> None:
    """Have `value` masked at every sink from now on."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if plain:
        _known.add(plain)


def mask(text: str) -> str:
    """`text` with every known secret replaced."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
