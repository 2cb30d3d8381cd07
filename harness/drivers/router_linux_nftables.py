"""Paths through a Linux router, blocked by nftables over SSH: both directions dropped, nobody told.

All blocks of an IP version are in a table of their own, which is there only as long as one path is blocked.
"""

import json
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeVar

from harness.base.clock import Deadline
from harness.base.errors import LabFault
from harness.base.transcripts import Transcript
from harness.drivers.protocols import Link, PathRef
from harness.drivers.ssh import SshTarget
from harness.drivers.ssh_commands import SessionDroppedError, SshCommands

ANSWER_WITHIN = 10.0
"""Real seconds for one command."""
READ_BACK_WITHIN = 5.0
"""Real seconds after the command until the path must be seen as it was set."""

T = TypeVar("T")
TABLE, PATHS, CHAIN = "resilience_lab", "paths", "blocked"
FAMILIES = {4: "ip", 6: "ip6"}
"""nftables' name of the tables of an IP version."""


class LinuxNftablesRouter(SshCommands):
    """A router of dialect `linux_nftables`; `nft` is its command, such as "sudo -n nft". Times are real seconds."""

    def __init__(
        self,
        target: SshTarget,
        nft: str,
        transcript: Transcript,
        *,
        answer_within: float = ANSWER_WITHIN,
        read_back_within: float = READ_BACK_WITHIN,
    ) -> None:
        super().__init__(target, transcript, answer_within)
        self._nft, self._read_back_within = nft, read_back_within

    def block(self, path: PathRef) -> None:
        """Have everything of `path` dropped; returns when the router says that it is."""
        self._keep(lambda: self._block(path))

    def open(self, path: PathRef) -> None:
        """Let it pass again; returns when the router says that it is so."""
        self._keep(lambda: self._open(path))

    def state(self, path: PathRef) -> Link:
        """OFF where the router drops everything of `path` by our table."""
        return Link.OFF if path in self.blocked() else Link.ON

    def blocked(self) -> tuple[PathRef, ...]:
        """Every path that it blocks by our table."""
        return self._keep(self._blocked)

    def _keep(self, work: Callable[[], T]) -> T:
        """`work`, done again where its session dropped: doing it twice is doing it once."""
        try:
            return work()
        except SessionDroppedError:
            return work()

    def _block(self, path: PathRef) -> None:
        if path not in self._blocked():
            self._do(_table_with(path))
            self._read_back(path, Link.OFF)

    def _open(self, path: PathRef) -> None:
        blocked, family = self._blocked(), _family(path)
        if path in blocked:
            last = [_family(each) for each in blocked].count(family) == 1
            one = f"delete element {family} {TABLE} {PATHS} {_elements(path)}"
            self._do(f"delete table {family} {TABLE}" if last else one)
            self._read_back(path, Link.ON)

    def _blocked(self) -> tuple[PathRef, ...]:
        tables = [entry["table"] for entry in self._ask("list tables") if "table" in entry]
        ours = [table["family"] for table in tables if table["name"] == TABLE and table["family"] in FAMILIES.values()]
        sets = [self._ask(f"list set {family} {TABLE} {PATHS}") for family in ours]
        return tuple(path for found in sets for path in paths_in(self._target.device, found))

    def _read_back(self, path: PathRef, wanted: Link) -> None:
        if not Deadline.after(self._read_back_within).poll(lambda: self.state(path) is wanted, every=0.1):
            raise LabFault(
                f"the path was to be {wanted}, but is not {self._read_back_within:g} s later.",
                device=str(path),
                next_step=f"look at `nft list table {_family(path)} {TABLE}` there: does something else change it?",
            )

    def _do(self, commands: str) -> None:
        self.run(f"{self._nft} '{commands}'")

    def _ask(self, command: str) -> list[dict[str, Any]]:
        answer = self.run(f"{self._nft} -j {command}")
        try:
            # Before the answer there may be a word of sudo's.
            return list(json.loads(answer[answer.index("{") :])["nftables"])
        except (ValueError, KeyError):
            raise self.fault(f"its answer to '{command}' cannot be read.") from None


def paths_in(router: str, entries: Iterable[dict[str, Any]]) -> tuple[PathRef, ...]:
    """The paths of the set in an answer of `nft -j list set`; each has two elements, one for each direction."""
    pairs = [
        [_network(end) for end in element["concat"]]
        for entry in entries
        for element in entry.get("set", {}).get("elem", ())
    ]
    return tuple(PathRef(router, one.network_address, other) for one, other in pairs if one.num_addresses == 1)


def _table_with(path: PathRef) -> str:
    """The commands that make the table of the path's IP version, where it is not there, and put the path into it."""
    family, version = _family(path), path.address.version
    return (
        f"add table {family} {TABLE}; "
        f"add set {family} {TABLE} {PATHS} {{ type ipv{version}_addr . ipv{version}_addr; flags interval; }}; "
        # Before the router's own rules: what those accept is to be dropped here all the same.
        f"add chain {family} {TABLE} {CHAIN} {{ type filter hook forward priority -10; policy accept; }}; "
        # Emptied first, so that the command may be given again.
        f"flush chain {family} {TABLE} {CHAIN}; "
        f"add rule {family} {TABLE} {CHAIN} {family} saddr . {family} daddr @{PATHS} drop; "
        f"add element {family} {TABLE} {PATHS} {_elements(path)}"
    )


def _family(path: PathRef) -> str:
    return FAMILIES[path.address.version]


def _network(end: Any) -> IPv4Network | IPv6Network:
    """An address alone is a text, a network an object."""
    return ip_network(end if isinstance(end, str) else f"{end['prefix']['addr']}/{end['prefix']['len']}")


def _elements(path: PathRef) -> str:
    """One for each direction."""
    one, other = path.address, path.network
    return f"{{ {one} . {other}, {other} . {one} }}"
