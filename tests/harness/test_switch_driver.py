import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from harness.base.clock import Deadline
from harness.base.errors import ConfigurationFault, LabFault
from harness.base.transcripts import Transcript
from harness.drivers.protocols import Link
from harness.drivers.ssh import SshTarget
from harness.drivers.switch_cisco_ios import CiscoIosSwitch, port_state
from tests.harness.ssh_peer import PASSWORD, SshPeer


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("Interface port1 is up, line protocol is up\n  Link ups: 1", Link.ON),
        ("Interface port1 is up, line protocol is down", Link.ON),
        ("Interface port1 is down\n  Link ups:       0    last: (never)", Link.OFF),
        ("Interface nix is down\n  vrf: default\n  pseudo interface", Link.UNKNOWN),
        ("GigabitEthernet1/0/1 is up, line protocol is up (connected)", Link.ON),
        ("GigabitEthernet1/0/1 is down, line protocol is down (notconnect)", Link.ON),
        ("GigabitEthernet1/0/1 is administratively down, line protocol is down (disabled)", Link.OFF),
        ("GigabitEthernet1/0/1 is down, line protocol is down (err-disabled)", Link.UNKNOWN),
        ("port1 is deleted, line protocol is down", Link.UNKNOWN),
        ("", Link.UNKNOWN),
    ],
)
def test_the_state_of_a_port_is_read_in_either_wording(answer: str, state: Link) -> None:
    assert port_state(answer) is state


class Ios:
    """The command line of a switch with one port, "Gi1", and the ways it can go wrong."""

    def __init__(self) -> None:
        self.shut = False
        self.name = "sw-test"
        self.stuck = False
        self.asks = False
        self.slow = 0.0
        self.drop_at = ""
        self.drop: Callable[[], None] = lambda: None
        self.mute = threading.Event()
        self.heard: list[str] = []
        self._mode = ""

    def serve(self, channel: paramiko.Channel) -> None:
        self._mode = ""
        channel.sendall(f"\r\n{self.name}#".encode())
        line = b""
        while data := channel.recv(1):
            if data != b"\n":
                line += data
                continue
            command, line = line.decode().strip(), b""
            if command and command == self.drop_at:
                self.drop_at = ""
                self._answer(command)
                self.drop()
                return
            if self.asks and command.startswith("show"):
                channel.sendall(f"{command}\r\nProceed? [confirm]".encode())
            elif not self.mute.is_set():
                answer = self._answer(command)
                time.sleep(self.slow)
                channel.sendall(f"{command}\r\n{answer}{self.name}{self._mode}#".encode())

    def _answer(self, command: str) -> str:
        self.heard.append(command)
        match command:
            case "configure terminal":
                self._mode = "(config)"
            case "interface Gi1":
                self._mode = "(config-if)"
            case "end":
                self._mode = ""
            case "shutdown" | "no shutdown":
                self.shut = self.shut if self.stuck else command == "shutdown"
            case "show interface Gi1":
                state = "administratively down" if self.shut else "up"
                return f"Gi1 is {state}, line protocol is {'down' if self.shut else 'up'}\r\n"
            case "show interface Gi9":
                return "% Invalid input detected at '^' marker.\r\n"
        return ""


@pytest.fixture
def ios() -> Ios:
    return Ios()


@pytest.fixture
def peer(ios: Ios) -> Iterator[SshPeer]:
    peer = SshPeer(shell=ios.serve)
    ios.drop = peer.drop_all
    yield peer
    peer.close()


@pytest.fixture
def transcript(tmp_path: Path) -> Transcript:
    return Transcript(tmp_path / "sw-test.txt")


@pytest.fixture
def switch(peer: SshPeer, transcript: Transcript, tmp_path: Path) -> Iterator[CiscoIosSwitch]:
    known = peer.known_hosts(tmp_path / "known")
    target = SshTarget("sw-test", "127.0.0.1", peer.port, "lab", PASSWORD, known, connect_within=2)
    switch = CiscoIosSwitch(target, transcript, answer_within=0.5, read_back_within=0.2)
    yield switch
    switch.close()


def test_a_cut_and_its_undoing_are_read_back(switch: CiscoIosSwitch, ios: Ios) -> None:
    switch.shut("Gi1")
    assert ios.shut
    assert switch.state("Gi1") is Link.OFF
    switch.open("Gi1")
    assert switch.state("Gi1") is Link.ON


def test_a_port_that_stays_open_is_a_lab_fault(switch: CiscoIosSwitch, ios: Ios) -> None:
    ios.stuck = True
    with pytest.raises(LabFault, match=r"sw-test Gi1: the port was to be off, but is on"):
        switch.shut("Gi1")


def test_an_unknown_port_is_refused_before_anything_is_set(switch: CiscoIosSwitch, ios: Ios) -> None:
    with pytest.raises(ConfigurationFault, match=r"sw-test Gi9: .*Invalid input"):
        switch.shut("Gi9")
    assert "configure terminal" not in ios.heard


def test_a_dropped_session_is_reopened_once_and_the_transcript_says_so(
    switch: CiscoIosSwitch, peer: SshPeer, transcript: Transcript
) -> None:
    switch.connect()
    peer.drop_all()
    switch.shut("Gi1")
    assert transcript.path is not None
    told = transcript.path.read_text()
    assert told.count("opening a session") == 2
    assert "session closed: the" in told


def test_a_switch_that_turned_dead_is_a_lab_fault(switch: CiscoIosSwitch, peer: SshPeer) -> None:
    switch.connect()
    peer.close()
    with pytest.raises(LabFault, match="no SSH session"):
        switch.shut("Gi1")


@pytest.mark.parametrize("command", ["show interface Gi1", "configure terminal", "interface Gi1", "shutdown", "end"])
def test_a_session_dropped_in_mid_command_is_reopened_and_the_port_is_as_wanted(
    switch: CiscoIosSwitch, ios: Ios, command: str
) -> None:
    switch.connect()
    ios.drop_at = command
    switch.shut("Gi1")
    assert ios.shut
    assert switch.state("Gi1") is Link.OFF


def test_a_command_that_took_effect_though_its_session_dropped_is_not_sent_again(
    switch: CiscoIosSwitch, ios: Ios
) -> None:
    switch.connect()
    ios.drop_at = "shutdown"
    switch.shut("Gi1")
    assert ios.heard.count("shutdown") == 1


def test_a_session_that_the_switch_left_is_known_without_asking(
    switch: CiscoIosSwitch, peer: SshPeer, ios: Ios
) -> None:
    assert not switch.dropped
    switch.connect()
    assert not switch.dropped
    heard = list(ios.heard)
    peer.drop_all()
    assert Deadline.after(2).poll(lambda: switch.dropped, every=0.01)
    assert ios.heard == heard


def test_a_switch_that_was_renamed_is_logged_in_to_anew(
    switch: CiscoIosSwitch, ios: Ios, transcript: Transcript
) -> None:
    switch.connect()
    ios.name = "another"
    assert switch.state("Gi1") is Link.ON
    assert transcript.path is not None
    assert "did not end with the prompt of the login" in transcript.path.read_text()


def test_a_switch_that_asks_something_is_a_lab_fault(switch: CiscoIosSwitch, ios: Ios) -> None:
    switch.connect()
    ios.asks = True
    with pytest.raises(
        LabFault, match=r"sw-test Gi1: 'show interface Gi1' did not end with the prompt of the login twice.*asking"
    ):
        switch.state("Gi1")


def test_a_switch_that_answers_slowly_is_waited_for(switch: CiscoIosSwitch, ios: Ios) -> None:
    switch.connect()
    ios.slow = 0.3
    switch.shut("Gi1")
    assert ios.shut


def test_a_switch_that_says_nothing_costs_an_answer_and_a_login(switch: CiscoIosSwitch, ios: Ios) -> None:
    switch.connect()
    ios.mute.set()
    began = time.monotonic()
    with pytest.raises(LabFault, match="sw-test: no SSH session"):
        switch.shut("Gi1")
    assert time.monotonic() - began < 0.5 + 2 * 2 + 2  # an answer, and a login that asks twice


def test_the_faults_of_a_login(peer: SshPeer, transcript: Transcript, tmp_path: Path) -> None:
    known = peer.known_hosts(tmp_path / "known")
    changed = peer.known_hosts(tmp_path / "changed", paramiko.ECDSAKey.generate())
    for password, file, words in (
        ("the-wrong-password", known, "refuses the login"),
        (PASSWORD, changed, "is not the one in"),
        (PASSWORD, tmp_path / "none", "that is not in"),
    ):
        switch = CiscoIosSwitch(SshTarget("sw", "127.0.0.1", peer.port, "lab", password, file), transcript)
        with pytest.raises(ConfigurationFault, match=words) as fault:
            switch.connect()
        assert password not in f"{fault.value}{fault.value.__cause__}"
