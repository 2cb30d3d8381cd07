"""pyserial's RFC 2217 client, without the two answers that console servers are known not to give."""

import contextlib

from serial import rfc2217


class Rfc2217Port(rfc2217.Serial):  # type: ignore[misc]  # pyserial's stubs leave this class untyped
    """A port behind `rfc2217://HOST:PORT`.

    Modem lines are asked for, but nobody waits for the answer: a server whose port is a pseudo terminal has
    none to set, and this harness uses no hardware flow control. Nothing is purged: the log is to have all
    that the unit said, and later versions of ser2net leave a purge unanswered (cminyard/ser2net issue 116).
    """

    def rfc2217_set_control(self, value: bytes) -> None:
        """Ask for a state of the modem lines."""
        self._rfc2217_options["control"].set(value)

    def rfc2217_send_purge(self, value: bytes) -> None:
        """Throw nothing away."""

    def _telnet_read_loop(self) -> None:
        # The reader's end is told to the owner by its next read; a traceback of this thread tells nobody.
        with contextlib.suppress(OSError):
            super()._telnet_read_loop()
