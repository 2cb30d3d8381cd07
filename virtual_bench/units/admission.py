"""The one question that registrar and gatekeeper ask: may this extension register here, now?"""

from enum import Enum
from typing import Protocol

from virtual_bench.units.records import User


class Decision(Enum):
    """What a unit makes of a registration, before it looks at the password."""

    ADMIT = "admitted"
    BLOCK = "blocked"
    UNKNOWN = "unknown extension"


class Doorkeeper(Protocol):
    """Decides for one system."""

    @property
    def checks_passwords(self) -> bool:
        """Whether whoever is admitted has to prove its user's password."""
        ...

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        """Whether `extension` may register; `refresh`: it is registered here and asks to stay so."""
        ...

    def user(self, extension: str) -> User | None:
        """The user of `extension`, None for one that is not known."""
        ...
