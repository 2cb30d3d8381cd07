import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.base.clock import now
from harness.base.errors import ConfigurationFault, LabFault
from harness.base.secrets import SecretRef
from harness.base.transcripts import Transcript
from harness.drivers.console import SerialConsole, learn_prompt
from harness.drivers.console_log import ConsoleLog
from harness.inventory import Console, Login

WIPE = b"\x15"
NOISE = b"[   12.345678] eth0: link \xff\xfe becomes ready #\r\n"


class Unit:
    """A unit at the far end of a pseudo terminal: login program, shell, and a kernel that talks between."""

    def __init__(self, password: str = "console-secret") -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.device = os.ttyname(slave)
        self._slave, self._password = slave, password
        self.sent: list[str] = []
        self.noise_before_return, self.noisy_line = b"", b"reboot"
        self.noise_before_answer, self.noise_behind_question = b"", b""
        self._named = ""
        self.garble: Callable[[bytes], bytes] = lambda echo: echo
        self._state, self._open = "login", True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def type_for_another(self, data: bytes) -> None:
        """As from a second terminal on the same line: into the unit, past the driver."""
        os.write(self._slave, data)
        time.sleep(0.1)

    def close(self) -> None:
        self._open = False
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _serve(self) -> None:
        line = b""
        while self._open:
            if not select.select([self._master], [], [], 0.02)[0]:
                continue
            for byte in os.read(self._master, 100):
                hidden = self._state == "password"
                if byte == WIPE[0]:
                    self.say(b"" if hidden else b"\b \b" * len(line))
                    line = b""
                elif byte != 13:
                    line += bytes([byte])
                    self.say(b"" if hidden else self.garble(bytes([byte])))
                else:
                    if line == self.noisy_line:
                        self.say(self.noise_before_return)
                        line, self.noise_before_return = line + self.noise_before_return, b""
                    text, line = line.decode(errors="replace"), b""
                    self.sent.append(text)
                    self.say(b"\r\n" + self._answer(text))

    def _answer(self, text: str) -> bytes:
        if self._state == "login":
            self._state, self._named = "password" if text else "login", text
            return b"Password: " + self.noise_behind_question if text else b"home login: "
        if self._state == "password":
            right = (self._named, text) == ("root", self._password)
            self._state = "shell" if right else "login"
            welcome = b"Welcome > all\r\n" + NOISE + b"[root@home ~]# "
            return welcome if self._state == "shell" else self.noise_before_answer + b"Login incorrect\r\nhome login: "
        if text == "reboot":
            self._state = "login"
            return b"The system is going down\r\n"
        if text == "halt":
            return b"halt: Operation not permitted\r\n[root@home ~]# "
        if text.startswith("reboot"):
            return f"{text}: unknown command\r\n[root@home ~]# ".encode()
        answers = {"status": b"all $ well\r\n" + NOISE}
        return answers.get(text, b"") + b"[root@home ~]# "


@pytest.fixture
def unit() -> Iterator[Unit]:
    unit = Unit()
    yield unit
    unit.close()


@pytest.fixture
def console(unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SerialConsole]:
    monkeypatch.setenv("CONSOLE_SECRET", "console-secret")
    console = SerialConsole("con-home", description(unit), Transcript(tmp_path / "con.txt"), answer_within=2)
    yield console
    console.close()


def description(unit: Unit) -> Console:
    login = Login(user="root", password=SecretRef(env="CONSOLE_SECRET"))
    return Console(url=unit.device, login=login, commands=("reboot", "status", "halt"))


def test_the_prompt_is_the_line_that_came_twice() -> None:
    text = "Welcome > all\n[   1.2] eth0 #\n[root@home ~]# \n[root@home ~]# [   1.3] eth0 #\n"
    assert learn_prompt(text) == "[root@home ~]#"
    assert learn_prompt("Welcome > all\n[root@home ~]# ") is None
    assert learn_prompt("[   1.2] a #\n[   1.2] a #\n") is None


def test_login_and_a_command_amid_noise(console: SerialConsole, unit: Unit, tmp_path: Path) -> None:
    console.login()
    unit.say(NOISE)
    assert "all $ well" in console.run("status")
    assert "console-secret" in unit.sent
    assert "console-secret" not in (tmp_path / "con.txt").read_text()


def test_a_unit_is_greeted_without_a_login(console: SerialConsole, unit: Unit) -> None:
    console.greet()
    assert set(unit.sent) <= {""}
    console.login()
    console.greet()
    assert unit.sent.count("console-secret") == 1


def test_a_unit_that_says_nothing_is_told(console: SerialConsole, unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "say", lambda _: None)
    with pytest.raises(LabFault, match="con-home"):
        console.greet()


def test_a_name_that_noise_changed_behind_its_echo_is_given_again(console: SerialConsole, unit: Unit) -> None:
    unit.noise_before_return, unit.noisy_line = b"xy", b"root"
    console.login()
    assert "rootxy" in unit.sent
    assert unit.sent.count("console-secret") == 1, "the password was given to another name"


def test_a_password_is_given_though_noise_follows_the_question_for_it(console: SerialConsole, unit: Unit) -> None:
    unit.noise_behind_question = b"~}x\x80"
    console.login()
    assert unit.sent.count("console-secret") == 1


def test_a_login_refused_amid_noise_is_not_blamed_on_the_user(
    console: SerialConsole, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password has no echo: nobody knows what the unit read."""
    monkeypatch.setenv("CONSOLE_SECRET", "another-secret")
    unit.noise_before_answer = b"~}x\r\n"
    with pytest.raises(LabFault, match="refuses the login of 'root', and there is noise on its line"):
        console.login()
    assert unit.sent.count("another-secret") == 1, "it may lock the account"


def test_only_listed_commands_are_ever_sent(console: SerialConsole, unit: Unit) -> None:
    with pytest.raises(ConfigurationFault, match="it was not sent"):
        console.run("AT-X9")
    assert unit.sent == []


def test_a_wrong_password_is_the_user_s_fault(console: SerialConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE_SECRET", "another-secret")
    with pytest.raises(ConfigurationFault, match="refuses the login of 'root'"):
        console.login()


def test_a_reboot_is_followed_by_what_the_unit_says(console: SerialConsole, unit: Unit) -> None:
    began = now()
    console.reboot()
    threading.Timer(0.1, unit.say, (b"U-Boot 2020\r\nhome login: ",)).start()
    assert began < console.wait_for(r"login: $", 2, since=began) < now()
    console.login()


def test_a_refused_reboot_is_a_lab_fault(unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE_SECRET", "console-secret")
    transcript = Transcript(tmp_path / "con.txt")
    console = SerialConsole("con-home", description(unit), transcript, reboot_command="halt", answer_within=2)
    with pytest.raises(LabFault, match="refused 'halt'"):
        console.reboot()
    console.close()


def test_a_silent_console_is_a_lab_fault(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    silent = Console(url=os.ttyname(slave))
    console = SerialConsole("con-home", silent, Transcript(tmp_path / "con.txt"), answer_within=0.4)
    with pytest.raises(LabFault, match="neither asked for a login nor showed a prompt"):
        console.login()
    console.close()
    os.close(master)
    os.close(slave)


def test_a_console_that_another_one_has_is_a_lab_fault(console: SerialConsole, unit: Unit, tmp_path: Path) -> None:
    console.connect()
    second = SerialConsole("con-home", description(unit), Transcript(tmp_path / "second.txt"))
    with pytest.raises(LabFault, match="cannot be had"):
        second.connect()


def test_a_console_that_is_not_there_is_a_lab_fault(tmp_path: Path) -> None:
    for url in (str(tmp_path / "tty"), "socket://127.0.0.1:1", "rfc2217://127.0.0.1:1"):
        console = SerialConsole("con-home", Console(url=url), Transcript(None))
        with pytest.raises(LabFault, match="cannot be had"):
            console.connect()


def test_waits_read_the_log_and_know_when() -> None:
    log = ConsoleLog()
    log.append(b"one\r\ntw")
    time.sleep(0.01)
    before = now()
    log.append(b"o\xffthree\r\n")
    found = log.wait_for("two", 0, 0)
    assert found is not None
    assert found.at >= before
    assert log.wait_for("two", found.end, 0.01) is None
    assert log.since(log.position_at(before)) == "o\ufffdthree\n"


def test_a_wait_ends_when_the_words_come() -> None:
    log = ConsoleLog()
    threading.Timer(0.05, log.append, (b"ready\n",)).start()
    began = time.monotonic()
    assert log.wait_for("ready", 0, 5) is not None
    assert time.monotonic() - began < 1


def test_what_somebody_left_half_typed_is_wiped_out_and_not_entered(console: SerialConsole, unit: Unit) -> None:
    console.login()
    unit.type_for_another(b"rm -r")
    assert "all $ well" in console.run("status")
    assert "rm -r" not in "".join(unit.sent)


def test_a_line_left_half_typed_at_the_login_is_wiped_out(console: SerialConsole, unit: Unit) -> None:
    unit.type_for_another(b"somebo")
    console.login()
    assert unit.sent[-1] in ("", "console-secret")
    assert {text for text in unit.sent if text} == {"root", "console-secret"}


def test_a_command_whose_echo_was_garbled_is_typed_again(console: SerialConsole, unit: Unit) -> None:
    console.login()
    garbled = iter([b"\xff\x00"])
    unit.garble = lambda echo: next(garbled, echo)
    assert "all $ well" in console.run("status")
    assert unit.sent.count("status") == 1


def test_noise_between_echo_and_return_has_the_command_given_again(console: SerialConsole, unit: Unit) -> None:
    console.login()
    unit.noise_before_return = b"xy"
    console.reboot()
    assert [text for text in unit.sent if "reboot" in text] == ["rebootxy", "reboot"]


def test_a_line_too_noisy_to_type_on_is_a_lab_fault_and_nothing_is_entered(console: SerialConsole, unit: Unit) -> None:
    console.login()
    unit.garble = lambda echo: echo + b"#~"
    with pytest.raises(LabFault, match="did not echo 'reboot' as it was typed, in 2 s; it was not entered"):
        console.reboot()
    assert "reboot" not in unit.sent
