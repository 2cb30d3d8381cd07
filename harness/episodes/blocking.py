"""The episode in which the paths of single phones are blocked. Times are bench seconds."""

from harness.base.units import BenchSeconds, RealSeconds
from harness.episodes import bounds, least, paths
from harness.episodes.episode import episode
from harness.episodes.lab import Lab
from harness.episodes.outages import everyone_at, whole_outage
from harness.episodes.sending_home import send_home
from harness.inventory import Inventory, Phone, Role, returning

OPENED_AFTER = 60.0
"""So far into the grace of a phone its path to home is opened (HP-GRACE, second run)."""
KEPT_FOR = 2 * bounds.GRACE + bounds.SETTLING
"""So long after the first return the other one's path stays blocked: HP-END looks until 600 s after its start."""
LAST_FIFTH = bounds.FAILBACK_DELAY + 0.9 * bounds.GRACE
"""After home is visible: the middle of the last fifth of a grace, in which HP-GRACE needs an attempt."""


def _blocked(inventory: Inventory) -> BenchSeconds:
    phones = inventory.phones.values()
    opened = 4 * max(map(_retries, phones))
    blocked = bounds.GRACE + max(map(_lapsed_and_tried, phones)) + KEPT_FOR
    return BenchSeconds(whole_outage(inventory) + blocked + opened)


@episode(
    "Home's link is cut while a phone cannot reach the failover system; restored while two others cannot reach home.",
    _blocked,
    ("home's port", "three phones' paths at the router"),
    least.paths,
    paths.lacks,
)
def paths_blocked(lab: Lab) -> None:
    """One phone cannot reach the failover system; two cannot reach home at failback, one of them for a while only.

    Before that this one cannot reach home for a while in normal operation.
    """
    chosen = paths.chosen(lab.inventory)
    _blocked_in_normal_operation(lab, chosen.kept)
    _blocked_from_failover(lab, chosen.stranded)
    _blocked_at_failback(lab, chosen)


def _blocked_in_normal_operation(lab: Lab, phone: str) -> None:
    """The phone lapses at home and tries at the failover system, which sees home all the while."""
    lab.await_all_at_home()
    # An earlier recording may have ended within a grace: phones are let in until that is over.
    lab.watch_since(lab.began, bounds.GRACE, "the grace of an earlier outage to be over")
    lab.block(phone, Role.HOME)
    lab.watch(_lapsed_and_tried(lab.inventory.phones[phone]), f"{phone} to lapse at home while the line is up")
    lab.unblock(phone, Role.HOME)
    _await(lab, phone, Role.HOME)


def _blocked_from_failover(lab: Lab, phone: str) -> None:
    """Home is lost, and all others move; then the phone follows them."""
    lab.log_in_at_switch(Role.HOME)
    lab.block(phone, Role.FAILOVER)
    lab.after_next_keepalive()
    lab.cut(Role.HOME)
    moved = everyone_at(lab, Role.FAILOVER, but=phone)
    lab.wait_for("the other phones to move", moved, within=bounds.last_move(lab.inventory))
    lab.watch(_retries(lab.inventory.phones[phone]), f"{phone} to try in vain")
    lab.unblock(phone, Role.FAILOVER)
    _await(lab, phone, Role.FAILOVER)


def _blocked_at_failback(lab: Lab, chosen: paths.Chosen) -> None:
    """Home is back, and the others return: one of two that cannot follows within its grace, one long after it."""
    for name in (chosen.opened, chosen.kept):
        lab.block(name, Role.HOME)
    _await_phase(lab, chosen.kept, LAST_FIFTH)
    lab.restore(Role.HOME)
    restored = lab.now()
    free = returning(lab.inventory).keys() & set(lab.inventory.readable) - {chosen.opened, chosen.kept}
    lab.wait_for(
        "the first phone to return",
        lambda: any(lab.registered(name, Role.HOME, since=restored) for name in free),
        within=bounds.last_return(lab.inventory),
    )
    returned = lab.now()
    lab.watch(OPENED_AFTER, "a part of the grace to pass")
    lab.unblock(chosen.opened, Role.HOME)
    lab.watch_since(returned, KEPT_FOR, "the grace to end, and as long again")
    lab.unblock(chosen.kept, Role.HOME)
    _await(lab, chosen.kept, Role.HOME)
    send_home(lab)
    lab.watch(60, "the phones to settle at home")


def _await(lab: Lab, phone: str, role: Role) -> None:
    """Until a phone whose path was opened is registered there, or must be."""
    opened = lab.now()
    within = _retries(lab.inventory.phones[phone])
    lab.wait_for(f"{phone} at {role}", lambda: lab.registered(phone, role, since=opened), within=within)


def _await_phase(lab: Lab, phone: str, ahead: float) -> None:
    """Until a refresh of the phone at the failover system will fall due `ahead` from now, which is some periods."""
    extension, scale = lab.inventory.phones[phone].extension, lab.inventory.settings.scale
    within = 2 * lab.inventory.phones[phone].catalogued.refresh
    lab.wait_for(f"{phone} to refresh", lambda: lab.live.refreshes(extension, Role.FAILOVER) is not None, within)
    found = lab.live.refreshes(extension, Role.FAILOVER)
    if found is not None:
        last, period = found[0] - lab.now(), RealSeconds(found[1])
        lab.watch((scale.to_bench(RealSeconds(last)) - ahead) % scale.to_bench(period), f"{phone} to be in step")


def _lapsed_and_tried(phone: Phone) -> float:
    """Without home a phone has lapsed there within this, and has tried elsewhere in each third of what is left."""
    model = phone.catalogued
    return max(2 * model.refresh, model.loss_detected_within + 3 * model.retry_max)


def _retries(phone: Phone) -> float:
    """Within this a phone has tried everywhere, what it cannot reach included."""
    return phone.catalogued.retry_max + bounds.SETTLING
