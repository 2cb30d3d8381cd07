"""Who is registered at a unit now, SIP and H.323 alike: memory only."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass
class Binding:
    """One registration.

    `identity` tells a refresh from a new registration (Call-ID and contact, endpoint identifier);
    `expires_at` is on the unit's clock, bench seconds; `way` is how the registrar or the gatekeeper
    reaches the telephone.
    """

    extension: str
    protocol: str
    peer: str
    identity: str
    expires_at: float
    way: Any


class Bindings:
    """The registrations of one unit, one for each extension; `changed` is told of who came and who went."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._by_extension: dict[str, Binding] = {}
        self._changed = changed

    def __iter__(self) -> Iterator[Binding]:
        return iter(list(self._by_extension.values()))

    def get(self, extension: str) -> Binding | None:
        """The binding of an extension."""
        return self._by_extension.get(extension)

    def by_identity(self, identity: str) -> Binding | None:
        """The binding that is known by `identity`."""
        return next((binding for binding in self if binding.identity == identity), None)

    def confirms(self, extension: str, identity: str) -> bool:
        """Whether a registration with `identity` would only refresh what there is."""
        binding = self.get(extension)
        return binding is not None and binding.identity == identity

    def put(self, binding: Binding) -> None:
        """Add or refresh a binding."""
        fresh = not self.confirms(binding.extension, binding.identity)
        self._by_extension[binding.extension] = binding
        if fresh:
            self._changed()

    def remove(self, extension: str) -> Binding | None:
        """Take a binding away; returns it if there was one."""
        binding = self._by_extension.pop(extension, None)
        if binding:
            self._changed()
        return binding

    def lapsed(self, now: float) -> list[Binding]:
        """Remove and return those that nobody refreshed in time."""
        late = [binding for binding in self if binding.expires_at <= now]
        for binding in late:
            self.remove(binding.extension)
        return late

    @property
    def extensions(self) -> list[str]:
        """Who is registered."""
        return sorted(self._by_extension)


class Service(Protocol):
    """A registrar or a gatekeeper."""

    @property
    def protocol(self) -> str:
        """Of the telephones that it serves."""
        ...

    def take_back(self, extension: str) -> None:
        """Unregister a telephone: tell it so, and forget its registration."""
        ...


def take_back(extension: str, bindings: Bindings, services: Iterable[Service | None]) -> bool:
    """Have the service that serves it unregister a telephone; whether it was registered."""
    binding = bindings.get(extension)
    for service in services:
        if binding and service and service.protocol == binding.protocol:
            service.take_back(extension)
    return binding is not None
