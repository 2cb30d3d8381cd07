"""How the telephones behave in time: bench seconds, each with its source. Nothing here is the harness's.

Where documentation gives a range the telephones draw from it; where it gives nothing it says so.
"""

import random
from dataclasses import dataclass

BOOT = 40.0
"""From power to asking for an address. No source: a choice of this bench."""
ASK_AGAIN = 5.0
"""Between two tries to fetch the settings file. No source."""


@dataclass(frozen=True)
class SipBehaviour:
    """J100 administration guide; the others are assumed to do the same, but for what they ask for.

    What is built in: the timers of a settings file count instead.
    """

    register_wait: int
    """REGISTERWAIT: the expiry asked for; 900 on J100, 300 on older ones."""
    refresh_at: float = 0.5
    """Part of the granted expiry after which it is asked again. Common practice, not documented."""
    answer_within: float = 32.0
    """WAIT_FOR_REGISTRATION_TIMER."""
    recovery_wait: float = 60.0
    """RECOVERYREGISTERWAIT; of which a random 50 % to 90 % are waited."""
    connect_within: float = 5.0
    """For a TCP connection. No source."""

    def recovery(self) -> float:
        """One wait before the controllers are tried again."""
        return self.recovery_wait * random.uniform(0.5, 0.9)


@dataclass(frozen=True)
class H323Behaviour:
    """H.225.0 for what is asked; the times are those of common practice, not documented."""

    refresh_at: float = 0.5
    """Part of timeToLive after which a light RRQ is sent."""
    tries: int = 3
    try_every: float = 5.0
    """A request is repeated so often and so long apart before it counts as unanswered."""
    poll_every: float | None = None
    """Between two light RRQs, whatever the timeToLive."""
    poll_tries: int = 3
    poll_try_every: float = 5.0
    """A light RRQ is repeated so often and so long apart before the gatekeeper counts as lost."""
    home_every: float = 30.0
    """How often a telephone at another gatekeeper asks at its first one."""

    def confirms_every(self, to_live: float) -> float:
        """Between two light RRQs, for the timeToLive that was granted."""
        return self.poll_every or to_live * self.refresh_at

    def pause(self) -> float:
        """One wait before the gatekeepers are tried again, after the last one has been."""
        return random.uniform(15.0, 28.0)


_AS_H225 = H323Behaviour()
H323 = {
    "1600": _AS_H225,
    "9600": _AS_H225,
    # A DECT R4 base asks its host each 30 s and turns to the other after 2 minutes (DECT Resilience). That it does so
    # by RAS is an assumption.
    "DECT": H323Behaviour(poll_every=30.0, poll_tries=4, poll_try_every=30.0),
}
_AS_J100 = SipBehaviour(register_wait=900)
_OLDER = SipBehaviour(register_wait=300)
SIP = {
    "J100": _AS_J100,
    # Successors of the 9600 SIP series, with settings files of the same kind; no source for the value.
    "H175": _AS_J100,
    "K100": _AS_J100,
    "WORKPLACE": _AS_J100,
    # SIP by WebSocket to the one-X Portal is an assumption; that its clients ask as a J100 does, another.
    "WEBRTC": _AS_J100,
    # Older ones: REGISTERWAIT is 300 s by default (B5800 implementation guide); that these have such a setting is
    # an assumption, too.
    "1120": _OLDER,
    "1140": _OLDER,
    "1220": _OLDER,
    "1230": _OLDER,
    # Conference phones, of another maker. No source.
    "B179": _OLDER,
    "B199": _OLDER,
}


def sip_behaviour(family: str) -> SipBehaviour:
    """The behaviour of a family of SIP telephones."""
    return SIP[family]


def h323_behaviour(family: str) -> H323Behaviour:
    """The behaviour of a family of H.323 telephones."""
    return H323[family]
