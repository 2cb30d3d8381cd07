"""Recordings on disk: hashes, ring files that are missing, older and newer manifests, keys, secrets."""

import json
import tarfile
from pathlib import Path

import pytest

from harness.base.errors import HarnessFault
from harness.episodes.manifest import FILE, SCHEMA_VERSION, Manifest
from harness.episodes.recording import Recording
from harness.episodes.writing import hashes, without_secrets
from tests.harness.decoding import needs_tshark
from tests.harness.test_no_lies import captured, manifest
from tests.harness.wire import HOME, PHONE, Dialogue, udp, write

DATA = Path(__file__).parents[1] / "data" / "recordings"


def unpacked(name: str, folder: Path) -> Path:
    """A recording that is kept as test data."""
    with tarfile.open(DATA / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return next(path.parent for path in folder.rglob(FILE))


def ring(folder: Path, points: tuple[str, ...] = ("home", "failover", "phones")) -> Path:
    """A recording whose captures are rings of three files, a REGISTER each, 10 s apart."""
    phone, begin = Dialogue(), 1_700_000_000.0
    captures = []
    for point in points:
        files = []
        for number in range(3):
            name, at = f"{point}_{number + 1:05d}.pcapng", begin + 10 * number
            folder.mkdir(parents=True, exist_ok=True)
            write(folder / name, [(at, udp((PHONE, 5060), (HOME, 5060), phone.register()))])
            files.append({"name": name, "packets": 1, "first": at, "last": at})
        captures.append(captured(point, began=begin - 1, ended=begin + 40).model_copy(update={"files": ()}))
        captures[-1] = type(captures[-1]).model_validate({**captures[-1].model_dump(), "files": files})
    made = manifest("ring", captures).model_copy(update={"began": begin - 1, "ended": begin + 40})
    made.model_copy(update={"files": hashes(folder)}).write(folder)
    return folder


def test_a_flipped_byte_in_any_file_is_named(tmp_path: Path) -> None:
    folder = ring(tmp_path / "ring")
    Recording.load(folder)
    for path in sorted(folder.glob("*.pcapng")):
        whole = path.read_bytes()
        path.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
        with pytest.raises(HarnessFault, match=path.name):
            Recording.load(folder)
        path.write_bytes(whole)


@needs_tshark
def test_a_missing_file_of_a_ring_is_a_gap_between_its_neighbours(tmp_path: Path) -> None:
    folder = ring(tmp_path / "ring")
    (folder / "home_00002.pcapng").unlink()
    gap = next(found for found in Recording.load(folder).damages if "home_00002" in found.reason)
    assert gap.window is not None
    assert (gap.window.low, gap.window.high) == pytest.approx((1 * 30, 21 * 30))
    for number in (1, 3):
        (folder / f"home_0000{number}.pcapng").unlink()
    with pytest.raises(HarnessFault, match="home_00001"):
        Recording.load(folder)


@needs_tshark
def test_frames_are_counted_through_the_files_of_a_ring(tmp_path: Path) -> None:
    recording = Recording.load(ring(tmp_path / "ring"))
    assert recording.packet_at("home", 3) == (recording.folder / "home_00003.pcapng", 1)
    assert recording.decoded.packets == {"home": 3, "failover": 3, "phones": 3}
    frames = [seen.frame for event in recording.decoded.events for seen in event.sightings if seen.point == "home"]
    assert sorted(frames) == [1, 2, 3]


@needs_tshark
def test_a_recording_of_the_first_version_is_migrated_and_judged(tmp_path: Path) -> None:
    folder = unpacked("version-1", tmp_path)
    raw = json.loads((folder / FILE).read_text())
    assert raw["schema_version"] == 1
    recording = Recording.load(folder)
    assert recording.manifest.migrated_from == 1
    assert recording.damage == ()
    assert len(recording.timeline.attempts) > 40
    path = next(folder.glob("capture/*.pcapng"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(HarnessFault, match=path.name):
        Recording.load(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"schema_version": SCHEMA_VERSION + 1},
            f"has schema version {SCHEMA_VERSION + 1}, and this harness reads 1 to",
        ),
        ({"schema_version": None}, "has schema version None"),
        ({"began": "yesterday"}, "does not say what schema version .* has to: began"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    folder = ring(tmp_path / "ring")
    raw = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps(raw | change))
    with pytest.raises(HarnessFault, match=words):
        Manifest.read(folder)
    (folder / FILE).write_text("{")
    with pytest.raises(HarnessFault, match="is damaged"):
        Manifest.read(folder)


def test_an_inventory_is_recorded_without_a_word_of_its_secrets() -> None:
    from tests.harness.decoding import inventory

    kept = json.dumps(without_secrets(inventory().model_dump(mode="json")))
    assert "secrets" not in kept
    assert kept.count("NOT_RECORDED") >= 15
    type(inventory()).model_validate_json(kept)
