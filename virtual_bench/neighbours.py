"""How often the kernel asks for a neighbour that does not answer.

By default it asks each second, which a bench's time scale makes half a minute; after five unanswered questions the
neighbour counts as not there.
"""

from typing import Literal


def asks_soon(name: str, cache: Literal["arp_cache", "ndisc_cache"]) -> str:
    """The line for `ip -batch` by which the interface `name` asks each 50 ms (real).

    `cache`: that of IPv4 or that of IPv6.
    """
    return f"ntable change name {cache} dev {name} retrans 50 delay_probe 500 mcast_probes 5"
