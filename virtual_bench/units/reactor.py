"""A small loop for the unit's init: readable descriptors, timers, signals; no threads, so that it may fork."""

import heapq
import itertools
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

Action = Callable[[], None]


class Reactor:
    """Runs until `end` is called or SIGTERM comes; `child_ended` is called with each ended child's number."""

    def __init__(self, child_ended: Callable[[int], None]) -> None:
        self._child_ended = child_ended
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._status: int | None = None
        self._take_signals()

    def when_readable(self, source: socket.socket | int, action: Action) -> None:
        """Call `action` whenever `source` can be read."""
        self._selector.register(source, selectors.EVENT_READ, action)

    def forget(self, source: socket.socket | int) -> None:
        """Never again."""
        self._selector.unregister(source)

    def later(self, seconds: float, action: Action) -> None:
        """Call `action` in `seconds` (real)."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), action))

    def end(self, status: int) -> None:
        """Leave the loop; `run` returns `status`."""
        self._status = status

    def run(self) -> int:
        """Serve until the end; the status it was ended with, 0 for SIGTERM."""
        while self._status is None:
            for key, _ in self._selector.select(self._until_next_timer()):
                key.data()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()
        return self._status

    def _take_signals(self) -> None:
        wakeup, woken = socket.socketpair()
        wakeup.setblocking(False)
        woken.setblocking(False)
        self._woken = woken  # the signal handler holds a number only
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.end(0))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.when_readable(wakeup, lambda: self._signalled(wakeup))

    def _signalled(self, wakeup: socket.socket) -> None:
        """Take leave of ended processes, orphans too: the init is the first process of its namespace."""
        wakeup.recv(4096)
        while (pid := _next_ended()) is not None:
            self._child_ended(pid)

    def _until_next_timer(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None


def _next_ended() -> int | None:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] or None
    except ChildProcessError:
        return None
