"""The handsets of an emulated base, and what the systems know of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from harness.inventory import find_bench
from harness.inventory.loading import load_inventory
from virtual_bench.phones.h323_endpoint import H323Endpoint, Registered
from virtual_bench.phones.handsets import Handsets
from virtual_bench.ras import Address
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.secrets import make_secrets
from virtual_bench.units.records import users_of

HOME: Address = ("10.77.1.10", 1719)
BOTH, ENOUGH = ("327", "328"), 20
"""Turns of the event loop in which all is done that can be."""


class Clock:
    """On which no time passes, and no more than so many rounds for each handset."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._passed: Counter[object] = Counter()

    def now(self) -> float:
        return 0.0

    async def until(self, due: float) -> None:
        assert due > 0
        self._passed[asyncio.current_task()] += 1
        if self._passed[asyncio.current_task()] == self._rounds:
            await asyncio.Event().wait()


class Endpoint:
    """Keeps what it is asked to do; it `refuses`, `forgets` or `ignores` an extension."""

    def __init__(self, refuses: str = "", forgets: str = "", ignores: str = "") -> None:
        self.done: list[str] = []
        self._refuses, self._forgets, self._ignores = refuses, forgets, ignores

    async def register(self, extension: str, gatekeeper: Address) -> Registered | None:
        self.done.append(f"register {extension}")
        if extension == self._ignores:
            await asyncio.Event().wait()
        return None if extension == self._refuses else Registered(extension, gatekeeper, extension, 120.0)

    async def confirm(self, registered: Registered) -> bool:
        self.done.append(f"confirm {registered.extension}")
        return registered.extension != self._forgets

    async def unregister(self, registered: Registered) -> None:
        self.done.append(f"unregister {registered.extension}")


def played(endpoint: Endpoint, rounds: int, *, lost: bool = False, extensions: Sequence[str] = BOTH) -> list[str]:
    """What is done for handsets in so many rounds, and when their base leaves."""

    async def run() -> list[str]:
        handsets = Handsets(extensions, cast(H323Endpoint, endpoint), cast(ScaledClock, Clock(rounds)))
        following = asyncio.create_task(handsets.follow(HOME, every=30.0))
        for _ in range(ENOUGH):
            await asyncio.sleep(0)
        assert not following.done()
        following.cancel()
        await handsets.leave(lost=lost)
        return endpoint.done

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("endpoint", "then"),
    [
        (Endpoint(), {"327": ["confirm", "unregister"], "328": ["confirm", "unregister"]}),
        (Endpoint(refuses="328"), {"327": ["confirm", "unregister"], "328": ["register"]}),
        (Endpoint(forgets="327"), {"327": ["confirm", "register", "unregister"], "328": ["confirm", "unregister"]}),
        (Endpoint(ignores="327"), {"327": [], "328": ["confirm", "unregister"]}),
    ],
    ids=["let in", "one refused", "one forgotten", "one without an answer"],
)
def test_each_is_registered_kept_and_withdrawn(endpoint: Endpoint, then: dict[str, list[str]]) -> None:
    done = played(endpoint, rounds=2)
    for extension, after in then.items():
        assert [what for what, who in map(str.split, done) if who == extension] == ["register", *after]


def test_nothing_is_said_to_a_gatekeeper_that_is_lost() -> None:
    assert played(Endpoint(), rounds=1, lost=True) == ["register 327", "register 328"]


def test_a_telephone_that_is_no_base_has_none_to_bring() -> None:
    assert played(Endpoint(), rounds=1, extensions=()) == []


def test_home_knows_each_handset_as_a_user_with_the_password_of_its_base(tmp_path: Path) -> None:
    found = find_bench("virtual-all")
    bench = replace(found, state=tmp_path, inventory=load_inventory(found.path, tmp_path))
    make_secrets(tmp_path, bench.inventory)
    users = users_of(bench)
    handsets = bench.inventory.phones["base-DECT"].handsets
    assert handsets
    for extension in handsets:
        assert users[extension] == replace(users["325"], extension=extension, kind="handset")
