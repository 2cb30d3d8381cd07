"""The watchdog's own program: waits until the run is dead or done, and has the lab put back if it died.

    python guard.py PIDFD PIPE COMMAND…

It imports nothing of the project, so that it stays small, and is started outside the run's process group and session.
PIDFD is a pidfd of the run; through PIPE the run says that it is done. Both, and the bench's lock, are inherited.
"""

import os
import select
import signal
import sys


def main() -> None:
    """Until the run says that it is done; if it dies before that, become COMMAND."""
    run, pipe, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    waiting = select.poll()
    waiting.register(run, select.POLLIN)
    waiting.register(pipe, select.POLLIN | select.POLLHUP)
    waiting.poll()
    # What was said before the run died still counts.
    if os.read(pipe, 1):
        return
    waiting.unregister(pipe)
    waiting.poll()  # its end of the pipe is closed a moment before it is dead
    for restored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(restored, signal.SIG_DFL)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
