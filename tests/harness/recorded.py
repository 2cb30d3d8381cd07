"""For tests: a small recording of the virtual bench on disk, made up of frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.capture.blocks import extent
from harness.episodes.manifest import Captured, CaptureFile, Clocks, Done, Manifest, PutBack, Waited
from harness.episodes.writing import hashes, without_secrets
from tests.harness.decoding import T0, inventory
from tests.harness.wire import FAILOVER, HOME, PHONE, Dialogue, Timed, tcp, udp, write

SECONDS = 40.0
"""Real seconds that it lasts; the bench's time scale is 30."""
POINTS = ("home", "failover", "phones")


def night() -> dict[str, list[Timed]]:
    """Capture point → (real seconds, frame): a phone at home, home lost from 5 s to 25 s, the phone moves.

    Its refresh at 6 s does not reach home; at 12 s it registers at the failover system.
    """
    phone = Dialogue()
    ends, back = ((PHONE, 5060), (HOME, 5060)), ((HOME, 5060), (PHONE, 5060))
    first, accepted = udp(*ends, phone.register()), udp(*back, phone.answer("200 OK", 180))
    lost = udp(*ends, phone.register())
    away = Dialogue(call_id="call-2")
    elsewhere = udp((PHONE, 5060), (FAILOVER, 5060), away.register())
    let_in = udp((FAILOVER, 5060), (PHONE, 5060), away.answer("200 OK", 180))
    frames: dict[str, list[Timed]] = {
        "home": [(1.0, first), (1.01, accepted)],
        "failover": [(12.0, elsewhere), (12.01, let_in)],
        "phones": [(1.0, first), (1.01, accepted), (6.0, lost), (6.5, lost), (12.0, elsewhere), (12.01, let_in)],
    }
    alive = [second for second in range(40) if not 5 <= second < 25]
    for number, second in enumerate(alive):
        segment = tcp((HOME, 8443), (FAILOVER, 40000), 1 + 150 * number, bytes(150))
        for point in ("home", "failover"):
            frames[point].append((second + 0.2, segment))
    return {point: sorted(found) for point, found in frames.items()}


def record(parent: Path, frames: Mapping[str, Sequence[Timed]] | None = None, **change: Any) -> Path:
    """A recording of the episode home_lost in `parent`/home_lost; frames in real seconds since it began.

    `change`: other values for its manifest. It has a key log, which nobody else is to be given.
    """
    folder = parent / str(change.get("episode", "home_lost"))
    (folder / "capture").mkdir(parents=True)
    (folder / "keys").mkdir()
    (folder / "keys" / "home.txt").write_text("CLIENT_RANDOM 00 11\n")
    (folder / "log.txt").touch()
    found = frames or night()
    manifest = Manifest(
        bench="virtual",
        episode="home_lost",
        began=T0,
        ended=T0 + SECONDS,
        inventory=without_secrets(inventory().model_dump(mode="json")),
        stimuli=(Done(verb="cut", target="sw-home port1", not_before=T0 + 5.0, not_after=T0 + 5.1),),
        waits=(Waited(what="phone-J179 at the failover system", began=T0 + 6, ended=T0 + 12.1, happened=True),),
        captures=tuple(_captured(folder, point, found[point]) for point in POINTS),
        clocks=(Clocks(realtime=T0, monotonic=100.0), Clocks(realtime=T0 + SECONDS, monotonic=140.0)),
        put_back=PutBack(clean=True, restored=("sw-home port1 to on",)),
        fault=None,
        versions={"tshark": "4.0"},
        files=hashes(folder),
    ).model_copy(update=change)
    manifest.write(folder)
    return folder


def _captured(folder: Path, point: str, frames: Sequence[Timed]) -> Captured:
    path = write(folder / "capture" / f"{point}_00001.pcapng", [(T0 + at, frame) for at, frame in frames])
    packets, first, last = extent(path)
    file = CaptureFile(name=f"capture/{path.name}", packets=packets, first=first, last=last)
    return Captured(
        point=point,
        files=(file,),
        packets=packets,
        dropped=0,
        complete=True,
        began=T0,
        ended=T0 + SECONDS,
        keys="keys/home.txt" if point == "home" else None,
    )
