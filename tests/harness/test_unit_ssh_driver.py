import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from harness.base.errors import ConfigurationFault, LabFault
from harness.base.secrets import MASK, register
from harness.base.transcripts import Transcript
from harness.drivers.ssh import SshTarget
from harness.drivers.unit_ssh import UnitSsh
from tests.harness.ssh_peer import PASSWORD, SshPeer


def execute(channel: paramiko.Channel, command: str) -> None:
    """A unit's shell with the commands that the tests use."""
    match command.split():
        case ["echo", *words]:
            channel.sendall(" ".join(words).encode() + b"\n")
            channel.send_exit_status(0)
        case ["fail"]:
            channel.send_exit_status(3)
        case ["drop"]:
            channel.get_transport().close()
        case ["hang"]:
            time.sleep(1)
    channel.close()


@pytest.fixture
def peer() -> Iterator[SshPeer]:
    def serve(channel: paramiko.Channel, command: str) -> None:
        if command == "die":
            server.close()
        else:
            execute(channel, command)

    server = SshPeer(execute=serve)
    yield server
    server.close()


def unit(
    peer: SshPeer, folder: Path, *, password: str = PASSWORD, known: Path | None = None, reboot: str = "drop"
) -> UnitSsh:
    known = known or peer.known_hosts(folder / "known")
    target = SshTarget("home", "127.0.0.1", peer.port, "lab", password, known)
    return UnitSsh(target, reboot, Transcript(folder / "home.txt"), answer_within=0.5, gone_within=0.5)


def test_a_command_gives_what_it_printed(peer: SshPeer, tmp_path: Path) -> None:
    driver = unit(peer, tmp_path)
    assert driver.run("echo one two") == "one two\n"
    assert driver.reachable()


def test_a_command_that_fails_or_hangs_is_a_lab_fault(peer: SshPeer, tmp_path: Path) -> None:
    driver = unit(peer, tmp_path)
    with pytest.raises(LabFault, match="status 3"):
        driver.run("fail")
    with pytest.raises(LabFault, match="did not end within"):
        driver.run("hang")


@pytest.mark.parametrize("command", ["die", "echo going down"])
def test_a_reboot_is_taken_by_dropping_or_by_returning(peer: SshPeer, tmp_path: Path, command: str) -> None:
    unit(peer, tmp_path, reboot=command).reboot()


def test_a_session_that_dropped_is_no_reboot_where_the_unit_stays(peer: SshPeer, tmp_path: Path) -> None:
    with pytest.raises(LabFault, match=r"dropped in the middle of 'drop', but .*not reboot: it greets 0.5 s later"):
        unit(peer, tmp_path, reboot="drop").reboot()


def test_a_command_whose_session_dropped_is_not_given_twice(peer: SshPeer, tmp_path: Path) -> None:
    driver = unit(peer, tmp_path)
    with pytest.raises(LabFault, match="the session dropped in the middle of 'drop'"):
        driver.run("drop")
    assert (tmp_path / "home.txt").read_text().count("> drop") == 1
    assert driver.run("echo again") == "again\n"


def test_a_reboot_that_does_neither_is_a_lab_fault(peer: SshPeer, tmp_path: Path) -> None:
    with pytest.raises(LabFault, match="neither returned nor dropped"):
        unit(peer, tmp_path, reboot="hang").reboot()


def test_a_reboot_that_is_refused_is_a_lab_fault(peer: SshPeer, tmp_path: Path) -> None:
    with pytest.raises(LabFault, match="does not reboot"):
        unit(peer, tmp_path, reboot="fail").reboot()


def test_a_kept_session_that_dropped_is_opened_again(peer: SshPeer, tmp_path: Path) -> None:
    driver = unit(peer, tmp_path)
    driver.connect()
    peer.drop_all()
    assert driver.run("echo again") == "again\n"


def test_a_dead_unit_is_not_reachable(peer: SshPeer, tmp_path: Path) -> None:
    driver = unit(peer, tmp_path)
    peer.close()
    assert not driver.reachable()


def test_a_wrong_password_is_told_and_not_taken_for_a_dead_unit(peer: SshPeer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="refuses the login of 'lab'") as fault:
        unit(peer, tmp_path, password="not-this-one").reachable()
    assert "not-this-one" not in repr(fault.value)


def test_an_unknown_or_changed_host_key_ends_the_session(peer: SshPeer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match=r"that is not in .*none"):
        unit(peer, tmp_path, known=tmp_path / "none").connect()
    changed = peer.known_hosts(tmp_path / "changed", paramiko.ECDSAKey.generate())
    with pytest.raises(ConfigurationFault, match=r"is not the one in .*changed"):
        unit(peer, tmp_path, known=changed).connect()
    assert not (tmp_path / "none").exists()


def test_a_secret_that_a_command_prints_is_masked_in_the_transcript(peer: SshPeer, tmp_path: Path) -> None:
    register("printed-secret")
    assert "printed-secret" in unit(peer, tmp_path).run("echo printed-secret")
    told = (tmp_path / "home.txt").read_text()
    assert MASK in told
    assert "printed-secret" not in told
