"""A telephone's settings: the site-specific DHCP option, and the file on the server that it names."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from virtual_bench.sip import PORT, TLS_PORT

FILE = "/46xxsettings.txt"
HTTP_PORT = 80
WITHIN = 1.0
"""Real seconds for the whole exchange: TCP's first repetition comes after one."""
TIMERS = {
    "REGISTERWAIT": "register_wait",
    "WAIT_FOR_REGISTRATION_TIMER": "answer_within",
    "RECOVERYREGISTERWAIT": "recovery_wait",
}
"""Which part of a SIP telephone's behaviour each sets."""


@dataclass(frozen=True)
class Controller:
    """One entry of SIP_CONTROLLER_LIST."""

    host: str
    port: int
    transport: str


@dataclass(frozen=True)
class Settings:
    """What a telephone goes by. `gatekeepers` are addresses with the RAS port, in order.

    `asks_home`: away from its first system it asks there again and again (FAILBACK_POLICY auto). `ip`: the version by
    which it registers (SIGNALING_ADDR_MODE); by 6 with those of SIP_CONTROLLER_LIST_2 (J100 administration guide).
    `timers`: what the file says of a SIP telephone's behaviour; what it leaves out is as built in.
    """

    controllers: tuple[Controller, ...]
    domain: str
    gatekeepers: tuple[tuple[str, int], ...]
    asks_home: bool
    ip: int = 4
    timers: Mapping[str, int] = field(default_factory=dict)

    @property
    def without_resilience(self) -> "Settings":
        """Those of a telephone that is told of other systems but its first, and does not heed them.

        A conference phone takes none but the first from anywhere: its second server is set by hand, or not at all
        (Configuring IP Phone Resilience).
        """
        return replace(self, controllers=self.controllers[:1], gatekeepers=self.gatekeepers[:1])


def site_option(text: str) -> dict[str, list[str]]:
    """`MCIPADD=a,b,MCPORT=1719,…` as lists by name: a value goes on until the next name."""
    values: dict[str, list[str]] = {}
    name = ""
    for part in filter(None, text.split(",")):
        key, separator, value = part.partition("=")
        name = key if separator else name
        values.setdefault(name, []).append(value if separator else part)
    return values


def settings_lines(text: str) -> dict[str, str]:
    """The values that `SET NAME value` lines give, quotes removed; everything else is left alone."""
    lines = (line.split(None, 2) for line in text.splitlines())
    return {parts[1]: parts[2].strip().strip('"') for parts in lines if len(parts) == 3 and parts[0] == "SET"}


def controllers(text: str) -> tuple[Controller, ...]:
    """SIP_CONTROLLER_LIST: `host[:port][;transport=…]`, comma-separated; an IPv6 address in brackets."""
    return tuple(_controller(entry.strip()) for entry in text.split(",") if entry.strip())


def _controller(entry: str) -> Controller:
    address, *parameters = entry.split(";")
    end = urlsplit(f"//{address}")
    transport = next((p.partition("=")[2] for p in parameters if p.startswith("transport=")), "tls")
    return Controller(str(end.hostname), end.port or (TLS_PORT if transport == "tls" else PORT), transport)


def combine(option: Mapping[str, list[str]], file: Mapping[str, str]) -> Settings:
    """Both sources together. Raises ValueError where the file lacks what it must have."""
    port, ip = int(option.get("MCPORT", ["1719"])[0]), int(file.get("SIGNALING_ADDR_MODE", "4"))
    return Settings(
        controllers=controllers(file.get("SIP_CONTROLLER_LIST_2" if ip == 6 else "SIP_CONTROLLER_LIST", "")),
        domain=file.get("SIPDOMAIN", ""),
        gatekeepers=tuple((host, port) for host in option.get("MCIPADD", [])),
        asks_home=file.get("FAILBACK_POLICY", "auto") == "auto",
        ip=ip,
        timers={part: int(file[name]) for name, part in TIMERS.items() if name in file},
    )


async def fetch(host: str, user_agent: str) -> str:
    """The settings file of the server `host`. Raises OSError where there is none to be had."""
    async with asyncio.timeout(WITHIN):
        reader, writer = await asyncio.open_connection(host, HTTP_PORT)
        try:
            lines = [
                f"GET {FILE} HTTP/1.1",
                f"Host: {host}",
                f"User-Agent: {user_agent}",
                "Connection: close",
            ]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head, _, content = (await reader.read()).decode().partition("\r\n\r\n")
        finally:
            writer.transport.abort()
    if " 200 " not in head.split("\r\n")[0]:
        raise FileNotFoundError(f"{host} has no settings file")
    return content
