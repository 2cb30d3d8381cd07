"""What a login at a unit by SSH gets to run: passes lines to the unit's init, prints what that answers.

Run as a plain script with the name of an abstract Unix socket, the prompt and, if any, one command; it
imports nothing but the standard library, so that it is there at once.
"""

import json
import os
import socket
import sys


def ask(unit: socket.socket, line: str) -> dict[str, object]:
    """The unit's answer to one line; an empty one where the unit is gone."""
    unit.send(line.encode() or b"\n")
    data = unit.recv(65536)
    return dict(json.loads(data)) if data else {"text": "", "status": 1, "leaves": True, "reboots": False}


def main(name: str, prompt: str) -> int:
    """One command of SSH_ORIGINAL_COMMAND, or a dialogue; returns the exit status."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as unit:
        unit.connect("\0" + name)
        command = os.environ.get("SSH_ORIGINAL_COMMAND")
        for line in iter(lambda: command if command is not None else _typed(prompt), None):
            answer = ask(unit, line)
            if answer["text"]:
                print(answer["text"], flush=True)
            if answer["reboots"]:
                unit.recv(1)  # the reboot ends this session, not we
            if command is not None or answer["leaves"]:
                return int(str(answer["status"]))
    return 0


def _typed(prompt: str) -> str | None:
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    return line if line else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
