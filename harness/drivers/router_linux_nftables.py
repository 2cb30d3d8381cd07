"""Paths through a Linux router, blocked by nftables over SSH: both directions dropped, nobody told.

All blocks are in a table of their own, which is there only as long as one path is blocked.
"""

import json
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network
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
_TABLE_WITH = (
    f"add table ip {TABLE}; "
    f"add set ip {TABLE} {PATHS} {{ type ipv4_addr . ipv4_addr; flags interval; }}; "
    # Before the router's own rules: what those accept is to be dropped here all the same.
    f"add chain ip {TABLE} {CHAIN} {{ type filter hook forward priority -10; policy accept; }}; "
    # Emptied first, so that the command may be given again.
    f"flush chain ip {TABLE} {CHAIN}; "
    f"add rule ip {TABLE} {CHAIN} ip saddr . ip daddr @{PATHS} drop; "
    f"add element ip {TABLE} {PATHS} "
)


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
            self._do(_TABLE_WITH + _elements(path))
            self._read_back(path, Link.OFF)

    def _open(self, path: PathRef) -> None:
        blocked = self._blocked()
        if path in blocked:
            last = len(blocked) == 1
            self._do(f"delete table ip {TABLE}" if last else f"delete element ip {TABLE} {PATHS} {_elements(path)}")
            self._read_back(path, Link.ON)

    def _blocked(self) -> tuple[PathRef, ...]:
        tables = [entry["table"] for entry in self._ask("list tables ip") if "table" in entry]
        if all(table["name"] != TABLE for table in tables):
            return ()
        return paths_in(self._target.device, self._ask(f"list set ip {TABLE} {PATHS}"))

    def _read_back(self, path: PathRef, wanted: Link) -> None:
        if not Deadline.after(self._read_back_within).poll(lambda: self.state(path) is wanted, every=0.1):
            raise LabFault(
                f"the path was to be {wanted}, but is not {self._read_back_within:g} s later.",
                device=str(path),
                next_step=f"look at `nft list table ip {TABLE}` there: does something else change it?",
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
    return tuple(PathRef(router, one.network_address, other) for one, other in pairs if one.prefixlen == 32)


def _network(end: Any) -> IPv4Network:
    """An address alone is a text, a network an object."""
    if isinstance(end, str):
        return IPv4Network(end)
    return IPv4Network(f"{end['prefix']['addr']}/{end['prefix']['len']}")


def _elements(path: PathRef) -> str:
    """One for each direction."""
    one, other = path.address, path.network
    return f"{{ {one} . {other}, {other} . {one} }}"
