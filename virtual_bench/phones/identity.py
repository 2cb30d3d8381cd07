"""Who a telephone is: what stands on its label and what its user keyed in once."""

from dataclasses import dataclass

from harness.inventory import Phone


@dataclass(frozen=True)
class Identity:
    """One telephone and its user. `resilient`: it knows the failover system; `handsets`: extensions of a base's."""

    extension: str
    name: str
    password: str
    user_agent: str
    family: str
    protocol: str
    resilient: bool = True
    handsets: tuple[str, ...] = ()

    @classmethod
    def of(cls, phone: Phone) -> "Identity":
        """The identity of a telephone of the inventory."""
        model = phone.catalogued
        return cls(
            phone.extension,
            phone.user,
            phone.password.resolve(),
            model.user_agent,
            model.family,
            model.protocol.value,
            phone.resilient,
            phone.handsets,
        )
