"""The handsets of a base: extensions that it registers beside its own, where it is itself.

That each has a registration of its own, for which the base gives its own password, is an assumption.
"""

import asyncio
from collections.abc import Sequence

from virtual_bench.phones.h323_endpoint import H323Endpoint, Registered
from virtual_bench.ras import Address
from virtual_bench.scaled_time import ScaledClock


class Handsets:
    """Of one base; a telephone that is none has no `extensions`."""

    def __init__(self, extensions: Sequence[str], endpoint: H323Endpoint, clock: ScaledClock) -> None:
        self._extensions, self._endpoint, self._clock = extensions, endpoint, clock
        self._registered: dict[str, Registered] = {}

    async def follow(self, gatekeeper: Address, every: float) -> None:
        """Have each registered there, confirmed or tried again each `every` bench seconds; never returns."""
        async with asyncio.TaskGroup() as tasks:
            # Each for itself: one that gets no answer must not keep the others waiting.
            for extension in self._extensions:
                tasks.create_task(self._follow(extension, gatekeeper, every))
            await asyncio.Event().wait()

    async def leave(self, *, lost: bool) -> None:
        """The base leaves their gatekeeper: they are withdrawn there, but from one that is `lost`."""
        leaving, self._registered = self._registered.values(), {}
        for each in () if lost else leaving:
            await self._endpoint.unregister(each)

    async def _follow(self, extension: str, gatekeeper: Address, every: float) -> None:
        due = self._clock.now()
        while True:
            await self._bring(extension, gatekeeper)
            due = max(due + every, self._clock.now())
            await self._clock.until(due)

    async def _bring(self, extension: str, gatekeeper: Address) -> None:
        known = self._registered.get(extension)
        if known is not None and known.gatekeeper == gatekeeper and await self._endpoint.confirm(known):
            return
        self._registered.pop(extension, None)
        if registered := await self._endpoint.register(extension, gatekeeper):
            self._registered[extension] = registered
