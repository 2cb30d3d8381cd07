"""What DHCP was asked and served, and by whom. All instants and windows are bench seconds."""

from ipaddress import IPv4Address

from harness.base.interval import Interval, Measured, Never
from harness.capture.events import DHCP_ANSWERS, DhcpKind
from harness.inventory import DhcpScope, Phone, Role
from harness.timeline.timeline import DhcpMoment, Timeline

NETMASK, ROUTER, DNS, DOMAIN = 1, 3, 6, 15
REPORTED = (51, 54, 58, 59, 82)
"""Options that may differ from home's: they are of the server, or of the way."""
_ASKED = (DhcpKind.DISCOVER, DhcpKind.REQUEST)


def address_served(timeline: Timeline, mac: str, by: Role, since: Interval) -> Measured:
    """The first DHCPACK with an address from system `by` to that client which may be after `since`."""
    found = lease_served(timeline, mac, by, since)
    return found.at if found is not None else Never(timeline.watched_until)


def lease_served(timeline: Timeline, mac: str, by: Role, since: Interval) -> DhcpMoment | None:
    """That DHCPACK itself."""
    for moment in timeline.dhcp(mac):
        acknowledged = moment.event.kind is DhcpKind.ACK and moment.event.offered
        if acknowledged and _is_from(timeline, moment, by) and moment.at.high >= since.low:
            return moment
    return None


def offer_to(timeline: Timeline, mac: str, by: Role, since: Interval, *, relayed: bool) -> Measured:
    """The first OFFER of system `by` to that client after `since`, to a relay or to none.

    As it is at the port of `by`: a relay may take its address out of what it hands on.
    """
    for moment in answered_by(timeline, by, Interval(since.low, timeline.end)):
        event = moment.event
        offered = event.kind is DhcpKind.OFFER and event.client == mac.lower()
        if offered and bool(event.relay) is relayed and _is_seen_at(timeline, moment, by):
            return moment.at
    return Never(timeline.watched_until)


def asked_of(timeline: Timeline, device: str, window: Interval) -> tuple[DhcpMoment, ...]:
    """What clients asked in `window` and the port of `device`, a system or a phone, was seen to carry."""
    return tuple(
        moment
        for moment in timeline.dhcp_moments
        if moment.event.kind in _ASKED and _within(moment, window) and _is_seen_at(timeline, moment, device)
    )


def answered_by(timeline: Timeline, role: Role, window: Interval) -> tuple[DhcpMoment, ...]:
    """The OFFERs, ACKs and NAKs of system `role` in `window`."""
    return tuple(
        moment
        for moment in timeline.dhcp_moments
        if moment.event.kind in DHCP_ANSWERS and _within(moment, window) and _is_from(timeline, moment, role)
    )


def offers_to_discovers(
    timeline: Timeline, role: Role, window: Interval
) -> tuple[tuple[DhcpMoment, ...], tuple[DhcpMoment, ...]]:
    """The DISCOVERs of `window` that reached the port of `role`, and its OFFERs to those, whenever they came."""
    asked = [each for each in asked_of(timeline, role, window) if each.event.kind is DhcpKind.DISCOVER]
    ids = {(each.event.client, each.event.transaction) for each in asked}
    offers = answered_by(timeline, role, Interval(window.low, timeline.end))
    return tuple(asked), tuple(
        each
        for each in offers
        if each.event.kind is DhcpKind.OFFER and (each.event.client, each.event.transaction) in ids
    )


def scope_of(timeline: Timeline, phone: Phone) -> DhcpScope | None:
    """What home serves to the network of a phone; None where the inventory states nothing."""
    return next((scope for scope in timeline.inventory.dhcp_scopes.values() if scope.site == phone.site), None)


def departures_from(scope: DhcpScope, netmask: IPv4Address, lease: DhcpMoment) -> tuple[str, ...]:
    """What of a lease is not as home would give it, each in words."""
    event, options = lease.event, lease.event.options
    expected = {
        NETMASK: netmask.packed,
        ROUTER: scope.router.packed,
        DNS: scope.dns.packed,
        DOMAIN: scope.domain.encode(),
    }
    found = [
        f"option {number} is {_shown(number, options.get(number))} and not {_shown(number, value)}"
        for number, value in expected.items()
        if options.get(number, b"").rstrip(b"\0") != value.rstrip(b"\0")
    ]
    if not scope.low <= IPv4Address(event.offered) <= scope.high:
        found.append(f"the address {event.offered} is not of home's range")
    if scope.sson not in options:
        found.append(f"there is no site-specific option {scope.sson}")
    return tuple(found)


def strange_numbers(timeline: Timeline, phone: Phone, system: Role, lease: DhcpMoment) -> tuple[str, ...]:
    """What of a lease tells a phone of `system` to belong elsewhere, each in words.

    It is to have the site-specific option of its own number, which names its system first, and none of the others'.
    """
    scope, options = scope_of(timeline, phone), lease.event.options
    others = {scope.sson, scope.sson_of_failover} - {phone.site_option} if scope else set()
    found = [f"the other system's option {number} is there" for number in sorted(others & set(options), key=str)]
    text = options.get(phone.site_option or 0, b"").decode(errors="replace")
    first = text.partition("MCIPADD=")[2].split(",")[0]
    address = str(timeline.inventory.systems[system].address)
    if first != address:
        found.append(f"option {phone.site_option} names '{first}' first and not {address}")
    return tuple(found)


def _shown(number: int, value: bytes | None) -> str:
    if value is None:
        return "not there"
    return value.decode(errors="replace") if number == DOMAIN else ".".join(map(str, value))


def _within(moment: DhcpMoment, window: Interval) -> bool:
    return moment.at.low >= window.low and moment.at.high <= window.high


def _is_seen_at(timeline: Timeline, moment: DhcpMoment, device: str) -> bool:
    points = {name for name, capture in timeline.inventory.captures.items() if device in capture.sees}
    return any(seen.point in points for seen in moment.event.sightings)


def _is_from(timeline: Timeline, moment: DhcpMoment, role: Role) -> bool:
    return str(timeline.inventory.systems[role].address) in (moment.event.server, moment.event.source)
