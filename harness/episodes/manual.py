"""Manual failback: phones that stay at the failover system until somebody does something about each."""

from harness.base.units import BenchSeconds
from harness.episodes import bounds, least
from harness.episodes.episode import episode
from harness.episodes.lab import Lab
from harness.episodes.outages import CONFIRMED_FOR, NORMAL_OPERATION, lose_home, repower
from harness.episodes.sending_home import send_home, still_away
from harness.inventory import Inventory, Role, staying

RECONNECTS = 60.0
"""Given to the line between the systems, from home's link being there to home being visible."""


def rebooted(inventory: Inventory) -> str | None:
    """The phone that is power-cycled; None where no outlet can do that."""
    return next((name for name in staying(inventory) if inventory.phones[name].outlet is not None), None)


def logged_out(inventory: Inventory) -> str | None:
    """The phone that is logged out, another one; None where there is no way to."""
    others = [name for name in staying(inventory) if name != rebooted(inventory)]
    return others[0] if others and inventory.systems[Role.FAILOVER].log_out_command is not None else None


def _stay(inventory: Inventory) -> BenchSeconds:
    """Normal operation, the move, its confirmation, the stay, and what is done about single phones after it."""
    moved = bounds.last_move(inventory) + CONFIRMED_FOR
    by_hand = 3 * bounds.sent_home(inventory) + 60
    return BenchSeconds(NORMAL_OPERATION + moved + RECONNECTS + bounds.stays(inventory) + by_hand)


def _least(inventory: Inventory) -> BenchSeconds:
    """The move, the stay, and what is done about single phones after it."""
    before = least.confirmed(inventory) + least.moved(inventory)
    boots = max(inventory.phones[name].catalogued.boot for name in staying(inventory))
    return BenchSeconds(before + bounds.stays(inventory) + boots)


def _lacks(inventory: Inventory) -> str:
    return "" if staying(inventory) else "this bench states no manual failback, or has no phone that heeds it"


@episode(
    "Where failback is manual: home is lost and back, its phones are left alone; one is power-cycled, one logged out.",
    _stay,
    ("home's port", "a phone's outlet", "the failover system's command line"),
    _least,
    _lacks,
)
def manual_failback(lab: Lab) -> None:
    """Phones under manual failback are watched for long, then one is rebooted and another logged out."""
    lose_home(lab)
    lab.watch(CONFIRMED_FOR, "registrations at the failover system to be confirmed")
    lab.restore(Role.HOME)
    lab.watch(RECONNECTS + bounds.stays(lab.inventory), "phones under manual failback to stay")
    by_power, by_command = rebooted(lab.inventory), logged_out(lab.inventory)
    if by_power is not None:
        repower(lab, [by_power], "home", Role.HOME)
    if by_command in still_away(lab):
        lab.log_out(by_command, Role.FAILOVER)
        out, within = lab.now(), bounds.back_after_logout(lab.inventory.phones[by_command])
        lab.wait_for(f"{by_command} at home", lambda: lab.registered(by_command, Role.HOME, since=out), within)
    send_home(lab)
    lab.watch(60, "the phones to settle at home")
