"""The router driver against an SSH server that keeps nftables' answers as nft 1.0 gives them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
import pytest

from harness.base.errors import LabFault
from harness.base.transcripts import Transcript
from harness.drivers.protocols import Link, PathRef
from harness.drivers.router_linux_nftables import LinuxNftablesRouter, paths_in
from harness.drivers.ssh import SshTarget
from tests.harness.ssh_peer import PASSWORD, SshPeer

ADA = PathRef.of("core", "10.77.3.101 - 10.77.1.0/24")
BEN = PathRef.of("core", "10.77.3.102 - 10.77.2.0/24")
IVY = PathRef.of("core", "fd77:3::77:ff:fe00:301 - fd77:1::/64")
META = {"metainfo": {"version": "1.0.6", "json_schema_version": 1}}


@dataclass
class Nft:
    """The tables of one router, with the elements of their sets.

    `deaf`: what is told to it has no effect; `drops`: so many sessions after a command.
    """

    tables: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    deaf: bool = False
    drops: int = 0

    def answer(self, command: str) -> tuple[int, str]:
        """Exit status and what it prints."""
        self.given.append(command)
        if command.endswith("-j list tables"):
            tables = [{"table": {"family": family, "name": "resilience_lab"}} for family in self.tables]
            others = [{"table": {"family": family, "name": "resilience_lab"}} for family in ("bridge",)]
            return 0, json.dumps({"nftables": [META, {"table": {"family": "ip", "name": "nat"}}, *others, *tables]})
        family = next(iter(re.findall(r" (ip6?) resilience_lab", command)), "")
        now = self.tables.get(family, [])
        if "-j list set" in command:
            return 0, json.dumps({"nftables": [META, {"set": {"name": "paths", "elem": list(map(_as_json, now))}}]})
        if self.deaf or not family:
            return 0, ""
        if "delete table" in command:
            del self.tables[family]
        else:
            told = re.findall(r"(\S+) \. ([0-9a-f:./]+)", command.partition(" element ")[2])
            kept = [pair for pair in now if pair not in told]
            self.tables[family] = kept if "delete element" in command else [*kept, *told]
        return 0, ""


def _as_json(pair: tuple[str, str]) -> dict[str, Any]:
    def end(text: str) -> Any:
        address, _, length = text.partition("/")
        return {"prefix": {"addr": address, "len": int(length)}} if length else address

    return {"concat": [end(part) for part in pair]}


@pytest.fixture
def nft() -> Nft:
    return Nft()


@pytest.fixture
def router(nft: Nft, tmp_path: Path) -> Iterator[LinuxNftablesRouter]:
    def execute(channel: paramiko.Channel, command: str) -> None:
        status, said = nft.answer(command)
        if nft.drops and " -j " not in command:
            nft.drops -= 1
            channel.get_transport().close()
            return
        channel.sendall(said.encode())
        channel.send_exit_status(status)
        channel.close()

    peer = SshPeer(execute=execute)
    target = SshTarget("core", "127.0.0.1", peer.port, "lab", PASSWORD, peer.known_hosts(tmp_path / "known"))
    yield LinuxNftablesRouter(
        target, "sudo -n nft", Transcript(tmp_path / "core.txt"), answer_within=2, read_back_within=0.3
    )
    peer.close()


def test_a_path_is_blocked_in_both_directions_and_opened_again(router: LinuxNftablesRouter, nft: Nft) -> None:
    assert router.state(ADA) is Link.ON
    router.block(ADA)
    assert nft.tables == {"ip": [("10.77.3.101", "10.77.1.0/24"), ("10.77.1.0/24", "10.77.3.101")]}
    assert (router.state(ADA), router.state(BEN)) == (Link.OFF, Link.ON)
    router.open(ADA)
    assert router.state(ADA) is Link.ON


def test_other_paths_stay_and_nothing_is_left_with_the_last(router: LinuxNftablesRouter, nft: Nft) -> None:
    router.block(ADA)
    router.block(BEN)
    assert set(router.blocked()) == {ADA, BEN}
    router.open(ADA)
    assert router.blocked() == (BEN,)
    router.open(BEN)
    assert nft.tables == {}


def test_a_path_by_ipv6_is_blocked_in_a_table_of_its_own(router: LinuxNftablesRouter, nft: Nft) -> None:
    router.block(ADA)
    router.block(IVY)
    assert nft.tables["ip6"] == [("fd77:3::77:ff:fe00:301", "fd77:1::/64"), ("fd77:1::/64", "fd77:3::77:ff:fe00:301")]
    [made] = [command for command in nft.given if "add table ip6" in command]
    assert "type ipv6_addr . ipv6_addr" in made
    assert "ip6 saddr . ip6 daddr @paths drop" in made
    assert set(router.blocked()) == {ADA, IVY}
    router.open(IVY)
    assert router.blocked() == (ADA,)
    assert list(nft.tables) == ["ip"]


def test_what_is_so_already_is_not_commanded_again(router: LinuxNftablesRouter, nft: Nft) -> None:
    router.open(ADA)
    router.block(ADA)
    nft.given.clear()
    router.block(ADA)
    assert all(" -j list " in command for command in nft.given)


def test_it_is_run_as_the_inventory_says(router: LinuxNftablesRouter, nft: Nft) -> None:
    router.block(ADA)
    assert all(command.startswith("sudo -n nft ") for command in nft.given)


def test_a_session_that_drops_in_the_middle_is_opened_again_and_what_was_done_is_not_done_twice(
    router: LinuxNftablesRouter, nft: Nft
) -> None:
    nft.drops = 1
    router.block(ADA)
    nft.drops = 1
    router.open(ADA)
    assert nft.tables == {}
    assert sum(" -j " not in command for command in nft.given) == 2


def test_one_that_drops_again_is_a_lab_fault(router: LinuxNftablesRouter, nft: Nft) -> None:
    nft.deaf, nft.drops = True, 2
    with pytest.raises(LabFault, match="the session dropped in the middle"):
        router.block(ADA)


def test_a_session_that_the_router_left_is_noticed(router: LinuxNftablesRouter, nft: Nft) -> None:
    router.connect()
    assert not router.dropped
    nft.drops = 1
    with pytest.raises(LabFault):
        router.run("nft reload")
    router.connect()
    transport = router._client.get_transport()  # type: ignore[union-attr]
    transport.close()  # type: ignore[union-attr]
    assert router.dropped


@pytest.mark.parametrize("blocked", [False, True])
def test_a_router_that_does_not_do_so_is_a_lab_fault(router: LinuxNftablesRouter, nft: Nft, blocked: bool) -> None:
    if blocked:
        router.block(ADA)
    nft.deaf = True
    with pytest.raises(LabFault, match=r"core 10.77.3.101 - 10.77.1.0/24: the path was to be .* but is not"):
        (router.open if blocked else router.block)(ADA)


@pytest.mark.parametrize("said", ["", "Operation not permitted", '{"nftables": ', "{}"])
def test_an_answer_that_is_none_is_a_lab_fault(
    router: LinuxNftablesRouter, nft: Nft, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nft, "answer", lambda _: (0, said))
    with pytest.raises(LabFault, match="cannot be read"):
        router.blocked()


def test_a_command_that_fails_is_a_lab_fault(
    router: LinuxNftablesRouter, nft: Nft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nft, "answer", lambda _: (1, "Error: Operation not permitted"))
    with pytest.raises(LabFault, match=r"core: 'sudo -n nft -j list tables' failed with status 1"):
        router.block(ADA)


def test_a_set_without_elements_has_no_paths() -> None:
    assert paths_in("core", [META, {"set": {"name": "paths"}}]) == ()


def test_a_path_is_told_by_its_name() -> None:
    assert PathRef.of("core", ADA.target) == ADA
    assert PathRef.of("core", IVY.target) == IVY
    assert str(ADA) == "core 10.77.3.101 - 10.77.1.0/24"
