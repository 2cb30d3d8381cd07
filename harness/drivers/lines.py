"""A stream of text into a transcript, line by line."""

from harness.base.transcripts import Transcript


class ReceivedLines:
    """Keeps what was received in whole lines, so that a secret cut in two by a read is masked, too."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._rest = ""

    def feed(self, text: str) -> None:
        """More text from the device; whole lines are written."""
        *lines, self._rest = (self._rest + text).split("\n")
        if lines:
            self._transcript.received("\n".join(lines))

    def flush(self) -> None:
        """Write the last line, too: a prompt has no end of line."""
        if self._rest.strip():
            self._transcript.received(self._rest)
        self._rest = ""
