"""Mutated captures: bytes flipped, packets cut, reordered, doubled, blocks and files damaged. Nothing may be invented.

    python -m benchmarks.mutations --files 5000

Each file is decoded, which may end in "cannot be decoded" and in nothing else. A second tshark with fields of its own
then says which events it supports: an acceptance needs a 2xx to REGISTER or an RCF, a refusal its final answer or a
refusal by transport, a DHCP event a DHCP message, each in one of its packets and none of them malformed. Resumable: a
line per 100 files in results/mutations.jsonl; file N is made from the seed N. 1 if anything crashed or was invented.
"""

import argparse
import random
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.results_file import append, rows
from harness.base.errors import HarnessFault
from harness.base.units import EpochSeconds
from harness.base.versions import git_commit
from harness.capture.decoder import decode
from harness.capture.events import DhcpEvent, Event, Outcome, RegistrationAttempt
from harness.capture.live import stream_head
from harness.capture.topology import topology_of
from harness.inventory import find_bench
from tests.harness.wire import (
    FAILOVER,
    HOME,
    PHONE,
    Dialogue,
    Timed,
    dhcp,
    fragments,
    notify,
    packet_block,
    port_unreachable,
    ras,
    tcp,
    udp,
    vlan,
)

NAME, BATCH, WORKERS = "mutations", 100, 2
T0 = 1_700_000_000.0
_RCF, _RAS_REFUSALS = "4", {"2", "5", "8"}
_FIELDS = (
    "frame.number", "sip.Status-Code", "sip.CSeq.method", "h225.RasMessage", "dhcp.type", "_ws.malformed",
    "tcp.flags.reset", "icmp.type", "tls.record.content_type",
)  # fmt: skip


def main() -> int:
    """Go on where the file of results ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    wanted = parser.parse_args().files
    done = sum(row["files"] for row in rows(NAME))
    with ProcessPoolExecutor(WORKERS) as pool:
        while done < wanted:
            found: Counter[str] = Counter()
            faults: list[str] = []
            for counted, wrong in pool.map(one_file, range(done, done + BATCH)):
                found += counted
                faults += wrong
            append(NAME, {"commit": git_commit(), "first": done, "files": BATCH, **found, "faults": faults})
            done += BATCH
            print(f"{done} files, {dict(found)}, {len(faults)} faults", flush=True)
    return int(any(row["faults"] for row in rows(NAME)))


def one_file(seed: int) -> tuple[Counter[str], list[str]]:
    """Counts of one mutated file, and what is wrong with what was read from it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "home.pcapng"
        file.write_bytes(mutated(seed))
        try:
            found = decode({"home": [file]}, topology_of(find_bench("virtual").inventory), EpochSeconds(T0 + 200))
        except HarnessFault as fault:
            fine = "cannot be decoded" in str(fault)
            return Counter(undecodable=1), [] if fine else [f"{seed}: {fault}"]
        except Exception as error:
            return Counter(), [f"{seed}: {type(error).__name__}: {error}"]
        invented = [f"{seed}: {event}" for event in found.events if not supported(event, told(file))]
    return Counter(events=len(found.events), findings=len(found.findings)), invented


def told(file: Path) -> dict[int, dict[str, list[str]]]:
    """Frame → field → values, as an independent tshark prints them."""
    words = ["tshark", "-n", "-r", str(file), "-T", "fields", "-E", "aggregator=,", "-E", "separator=/t"]
    words += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    words += [word for field in _FIELDS for word in ("-e", field)]
    said = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False).stdout
    found = {}
    for line in said.splitlines():
        values = dict(zip(_FIELDS, (text.split(",") if text else [] for text in line.split("\t")), strict=False))
        found[int(values["frame.number"][0])] = values
    return found


def supported(event: Event, frames: dict[int, dict[str, list[str]]]) -> bool:
    """Whether some packet of the event says so to tshark, too."""
    seen = [frames.get(sighting.frame, {}) for sighting in event.sightings]
    sound = [frame for frame in seen if not frame.get("_ws.malformed")]
    if isinstance(event, DhcpEvent):
        return any(frame.get("dhcp.type") for frame in sound)
    if not isinstance(event, RegistrationAttempt):
        return True
    if event.outcome in (Outcome.ACCEPTED, Outcome.CONFIRMED):
        return any(_answers(frame, "2") or _RCF in frame.get("h225.RasMessage", []) for frame in sound)
    if event.outcome is Outcome.REFUSED:
        return any(
            _answers(frame, "23456")
            or _RAS_REFUSALS & set(frame.get("h225.RasMessage", []))
            or any(frame.get(name) for name in ("tcp.flags.reset", "icmp.type", "tls.record.content_type"))
            for frame in sound
        )
    return True


def _answers(frame: dict[str, list[str]], classes: str) -> bool:
    codes, methods = frame.get("sip.Status-Code", []), frame.get("sip.CSeq.method", [])
    return "REGISTER" in methods and any(code[:1] in classes for code in codes)


def mutated(seed: int) -> bytes:
    """A capture file, damaged in one to four ways."""
    chance = random.Random(seed)
    frames = [frame for _, frame in chance.choice(SEEDS)]
    for _ in range(chance.randint(1, 4)):
        victim, other = chance.randrange(len(frames)), chance.randrange(len(frames))
        kind = chance.choice(("flip", "flip", "flip", "cut", "swap", "double"))
        if kind == "flip":
            frames[victim] = _flipped(frames[victim], chance)
        elif kind == "cut":
            frames[victim] = frames[victim][: chance.randint(1, len(frames[victim]))]
        elif kind == "swap":
            frames[victim], frames[other] = frames[other], frames[victim]
        else:
            frames.insert(victim, frames[victim])
    blocks = [packet_block(T0 + number / 10, frame) for number, frame in enumerate(frames)]
    file = bytearray(stream_head(["home"]) + b"".join(blocks))
    damage = chance.random()
    if damage < 0.05:
        return bytes(file[: chance.randint(1, len(file))])
    if damage < 0.1:
        struct.pack_into("=I", file, chance.randrange(0, len(file) - 4, 4), chance.getrandbits(32))
    return bytes(file)


def _flipped(frame: bytes, chance: random.Random) -> bytes:
    content = bytearray(frame)
    for _ in range(chance.randint(1, 6)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)


def _seeds() -> Sequence[Sequence[Timed]]:
    phone, home, failover = (PHONE, 5060), (HOME, 5060), (FAILOVER, 5060)
    one, two, three = Dialogue(), Dialogue("302", call_id="b", transport="TCP"), Dialogue("303", call_id="c")
    datagrams = [
        udp(phone, home, one.register()), udp(home, phone, one.answer("401 Unauthorized")),
        udp(phone, home, one.register(authorized=True)), udp(home, phone, one.answer("200 OK", expires=180)),
        udp(phone, failover, three.register()), udp(failover, phone, three.answer("403 Forbidden")),
        udp(failover, phone, notify()),
    ]  # fmt: skip
    asked, answered = two.register(), two.answer("200 OK", expires=180)
    client = (PHONE, 40000)
    stream = [
        tcp(client, home, 999, flags=0x02), tcp(home, client, 4999, flags=0x12, ack=1000),
        tcp(client, home, 1000, asked[:200], ack=5000), tcp(client, home, 1200, asked[200:], ack=5000),
        tcp(home, client, 5000, answered, ack=1000 + len(asked)), tcp(failover, client, 0, flags=0x14),
    ]  # fmt: skip
    gatekeeper, endpoint = (HOME, 1719), (PHONE, 1719)
    alias = {"terminalAlias": [("dialledDigits", "303")]}
    messages = [
        udp(endpoint, gatekeeper, ras("gatekeeperRequest", {"requestSeqNum": 1})),
        udp(gatekeeper, endpoint, ras("gatekeeperConfirm", {"requestSeqNum": 1})),
        udp(endpoint, gatekeeper, ras("registrationRequest", {"requestSeqNum": 2, "keepAlive": False, **alias})),
        udp(gatekeeper, endpoint, ras("registrationConfirm", {"requestSeqNum": 2, "endpointIdentifier": "e"})),
        udp(endpoint, gatekeeper, ras("registrationRequest", {"requestSeqNum": 3, "keepAlive": True,
                                                               "endpointIdentifier": "e"})),
        udp(gatekeeper, endpoint, ras("registrationReject", {"requestSeqNum": 3, "gatekeeperIdentifier": "g",
                                                              "rejectReason": ("securityDenial", 0)})),
    ]  # fmt: skip
    relay, nothing = "10.77.3.1", "0.0.0.0"
    lease = [
        udp((relay, 67), (HOME, 67), dhcp(kind, relay=relay, offered=nothing if kind == 1 else "10.77.3.101"))
        for kind in (1, 2, 3, 5)
    ]
    pieces = [vlan(piece) for frame in datagrams[:4] for piece in fragments(frame, 160)]
    refused = [datagrams[0], port_unreachable(HOME, PHONE, datagrams[0])]
    return [
        [(number / 10, frame) for number, frame in enumerate(frames)]
        for frames in (datagrams, stream, messages, lease, pieces, refused, [*messages, *lease, *datagrams])
    ]


SEEDS = _seeds()

if __name__ == "__main__":
    sys.exit(main())
