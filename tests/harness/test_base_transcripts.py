import re
import threading
from pathlib import Path

from harness.base.secrets import MASK, register
from harness.base.transcripts import Transcript, Transcripts
from harness.drivers.lines import ReceivedLines


def test_every_line_has_a_time_and_a_direction(tmp_path: Path) -> None:
    transcript = Transcripts(tmp_path / "said").of("sw-home")
    transcript.sent("show\r\n")
    transcript.received("one\r\ntwo\r\n")
    transcript.remark("closed")
    lines = (tmp_path / "said" / "sw-home.txt").read_text().splitlines()
    assert [re.sub(r"^\d+\.\d{6}", "T", line) for line in lines] == [
        "T > show",
        "T < one",
        "T < two",
        "T - closed",
    ]


def test_secrets_are_masked_whatever_the_direction(tmp_path: Path) -> None:
    register("transcript-secret")
    transcript = Transcript(tmp_path / "device.txt")
    for say in (transcript.sent, transcript.received, transcript.remark):
        say("a transcript-secret b")
    assert (tmp_path / "device.txt").read_text().count(f"a {MASK} b") == 3


def test_a_secret_cut_in_two_by_a_read_is_masked_too(tmp_path: Path) -> None:
    register("transcript-secret")
    lines = ReceivedLines(Transcript(tmp_path / "device.txt"))
    lines.feed("your transcript-")
    lines.feed("secret\nprompt> ")
    lines.flush()
    told = (tmp_path / "device.txt").read_text()
    assert f"your {MASK}" in told
    assert "prompt>" in told


def test_lines_of_several_threads_stay_whole(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "device.txt")

    def talk(word: str) -> None:
        for _ in range(50):
            transcript.sent(f"{word}\n{word}")

    threads = [threading.Thread(target=talk, args=(word * 40,)) for word in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / "device.txt").read_text().splitlines()
    assert len(lines) == 300
    assert all(len(set(line.split("> ")[1])) == 1 for line in lines)


def test_without_a_recording_nothing_is_written() -> None:
    transcript = Transcripts(None).of("sw-home")
    transcript.sent("show")
    assert transcript.path is None
