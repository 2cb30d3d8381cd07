"""A device's own surroundings, in a mount namespace that stands for the host's."""

import os
import subprocess
from pathlib import Path

import pytest

from virtual_bench.process import Program, preparation

pytestmark = [pytest.mark.bench, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

HOST = """
set -e
mount --bind {etc} /etc
unshare --mount --net --pid --fork /bin/sh -e -c "$1" sh /bin/sh -c 'cat /etc/passwd; read -r _; cat /etc/passwd'
"""


def test_a_file_laid_over_one_of_the_hosts_stays_when_the_host_replaces_its_own(tmp_path: Path) -> None:
    etc, own = tmp_path / "etc", tmp_path / "own"
    etc.mkdir()
    (etc / "passwd").write_text("host\n")
    own.write_text("device\n")
    script = preparation(Program((), files={own: "/etc/passwd"}), "a-device")
    device = subprocess.Popen(
        ["unshare", "--mount", "--uts", "/bin/sh", "-c", HOST.format(etc=etc), "sh", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert device.stdout is not None
    assert device.stdout.readline() == "device\n"
    (etc / "passwd.new").write_text("host with one more\n")
    (etc / "passwd.new").rename(etc / "passwd")
    rest, _ = device.communicate("\n", timeout=10)
    assert rest == "device\n"
    assert (etc / "passwd").read_text() == "host with one more\n"
