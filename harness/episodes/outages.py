"""The library of episodes. Times are bench seconds; each episode is a function of a `Lab`."""

from collections.abc import Callable, Sequence

from harness.base.errors import LabFault
from harness.base.units import BenchSeconds
from harness.episodes import bounds, least, paths
from harness.episodes.episode import episode
from harness.episodes.lab import Lab
from harness.episodes.sending_home import send_home, still_away
from harness.inventory import Inventory, Role, movers

NORMAL_OPERATION = 100.0
"""Watched before an outage: long enough for a probe in each third, and for a refresh of most phones."""
PROBE_EVERY = 12.0
"""So that one try falls within the last 15 s before the 180 s are over."""
UNENTITLED_ROUNDS = 2
"""Tries of each who must not be let in: far below the 5 wrong passwords or 10 failures that are then ignored."""
CONFIRMED_FOR = 130.0
"""Watched after the move, so that every registration is confirmed at least once at the failover system."""


def whole_outage(inventory: Inventory) -> BenchSeconds:
    """Normal operation, the move, its confirmation, the way back."""
    moved = bounds.last_move(inventory) + CONFIRMED_FOR
    back = bounds.last_return(inventory) + bounds.sent_home(inventory)
    return BenchSeconds(NORMAL_OPERATION + moved + back + 60)


def _reboot(inventory: Inventory) -> BenchSeconds:
    back = max(bounds.back_after_short_outage(phone) for phone in inventory.phones.values())
    return BenchSeconds(NORMAL_OPERATION + inventory.systems[Role.HOME].boot_time + 30 + back + 180)


def _repower(inventory: Inventory) -> BenchSeconds:
    back = max(bounds.back_after_power(phone) for phone in inventory.phones.values())
    lapsed = max(2 * phone.catalogued.refresh for phone in inventory.phones.values()) + bounds.SETTLING
    return BenchSeconds(whole_outage(inventory) + lapsed + bounds.NEW_AT_HOME + 4 * back + bounds.GRACE)


def _flap(inventory: Inventory) -> BenchSeconds:
    return BenchSeconds(whole_outage(inventory) + sum(bounds.FLAP))


def _restart(inventory: Inventory) -> BenchSeconds:
    home = inventory.systems[Role.HOME]
    boot = home.boot_time + 30 if home.outlet is not None else 0
    return BenchSeconds(whole_outage(inventory) + _back_and_closed(inventory) + boot)


def _line(inventory: Inventory) -> BenchSeconds:
    away = inventory.failover_bound + _stay_seen(inventory)
    return BenchSeconds(NORMAL_OPERATION + away + inventory.failback_bound + 60)


def _stay_seen(inventory: Inventory) -> float:
    """Until every phone has confirmed its registration at home once more."""
    return least.confirmed(inventory) + bounds.SETTLING


@episode(
    "Home's link is cut at its switch until every phone has moved, then restored until every phone is back.",
    whole_outage,
    ("home's port",),
    least.outage,
)
def home_lost(lab: Lab) -> None:
    """Home's link is cut, and restored after the phones have moved."""
    lab.await_all_at_home()
    lab.count_licences(Role.FAILOVER)
    lose_home(lab)
    lab.count_licences(Role.FAILOVER)
    for _ in range(UNENTITLED_ROUNDS):
        lab.probe_unentitled()
        lab.watch(CONFIRMED_FOR / UNENTITLED_ROUNDS, "registrations at the failover system to be confirmed")
    lab.restore(Role.HOME)
    phones_return(lab)


@episode("Home is rebooted by SSH, which takes less than 3 minutes.", _reboot, ("the home system",), least.reboot)
def home_rebooted_by_ssh(lab: Lab) -> None:
    """Home is rebooted by SSH."""
    _home_rebooted(lab, by="ssh")


@episode(
    "Home is rebooted from its console, which takes less than 3 minutes.", _reboot, ("the home system",), least.reboot
)
def home_rebooted_by_console(lab: Lab) -> None:
    """Home is rebooted from its console."""
    _home_rebooted(lab, by="console")


@episode(
    "Every phone is power-cycled in failover and again after it has returned home; one also long after, and before, "
    "until home has forgotten it.",
    _repower,
    ("home's port", "the phones' outlets"),
    least.repower,
)
def phone_repowered(lab: Lab) -> None:
    """Phones lose power in failover and again after failback; some in normal operation, too, and after all grace."""
    phones = _pluggable(lab)
    lab.await_all_at_home()
    repower(lab, [*phones[:1], *_own(lab)], "home before the outage", Role.HOME, until_lapsed=True)
    before = NORMAL_OPERATION + 1.5 * lab.inventory.line.keepalive.period
    lab.watch(bounds.NEW_AT_HOME - before, "the records of the re-powered phone to reach the failover system")
    lose_home(lab)
    lab.watch(CONFIRMED_FOR, "registrations at the failover system to be confirmed")
    repower(lab, phones, "the failover system", Role.FAILOVER)
    lab.restore(Role.HOME)
    restored = lab.now()
    phones_return(lab)
    returned = lab.now()
    repower(lab, phones, "home", Role.HOME)
    # Where phones came back early, the failover system has not yet let go of them.
    lab.watch_since(restored, lab.inventory.failback_bound + bounds.GRACE, "the grace to begin and end")
    lab.watch_since(returned, bounds.GRACE, "every phone's grace to end")
    repower(lab, phones[:1], "home after the grace", Role.HOME)


@episode(
    "Home's link is cut; once restored it is cut again before 10 minutes are over, and restored for good.",
    _flap,
    ("home's port",),
    least.flap,
)
def home_flaps(lab: Lab) -> None:
    """Home is visible for 9 minutes, lost for 4, and visible."""
    lose_home(lab)
    lab.restore(Role.HOME)
    lab.watch(bounds.FLAP[0], "home to be visible, but not for long enough")
    lab.cut(Role.HOME)
    lab.watch(bounds.FLAP[1], "home to be lost again")
    lab.restore(Role.HOME)
    phones_return(lab)


@episode(
    "Home loses power; the failover system is rebooted by SSH while home is off and the phones are there.",
    _restart,
    ("home's outlet", "the failover system"),
    least.restart,
)
def failover_rebooted(lab: Lab) -> None:
    """The failover system restarts while home has no power, or no link where it hangs on no outlet."""
    lab.log_in(Role.FAILOVER, "ssh")
    normal_operation(lab)
    lab.take_away(Role.HOME)
    phones_move(lab)
    lab.watch(CONFIRMED_FOR, "registrations at the failover system to be confirmed")
    lab.reboot(Role.FAILOVER, "ssh")
    lab.watch(_back_and_closed(lab.inventory), "the failover system to be back and to let nobody in")
    lab.bring_back(Role.HOME)
    restored, boots_within = lab.now(), lab.inventory.systems[Role.HOME].boot_time + 30
    lab.wait_for("home to be back", lambda: lab.sees_home(restored), within=boots_within)
    phones_return(lab)


@episode(
    "The line between the systems alone is cut, and restored: the phones still see home.",
    _line,
    ("the line's path at the router",),
    least.line,
    paths.line_lacks,
)
def line_cut(lab: Lab) -> None:
    """The failover system loses sight of home, and no phone does but those in its network."""
    normal_operation(lab)
    lab.cut_line()
    with lab.probing(every=PROBE_EVERY):
        lab.watch(lab.inventory.failover_bound, "the failover system to take home for lost")
        lab.watch(_stay_seen(lab.inventory), "every phone to confirm its registration at home")
    lab.restore_line()
    # Until then it would let phones in at once if home were lost again.
    lab.watch(lab.inventory.failback_bound, "the failover system to take home for back")


def _back_and_closed(inventory: Inventory) -> float:
    """Its boot, and as long as FO-RESTART is judged from its first answer; that comes with a phone's next try."""
    next_try = max(phone.catalogued.retry_max for phone in inventory.phones.values())
    boot = inventory.systems[Role.FAILOVER].boot_time
    return boot + next_try + inventory.failover_bound + bounds.CLOSED_BESIDES + 30


def lose_home(lab: Lab) -> None:
    """Normal operation, then home's link is cut until the phones have moved, or must have."""
    lab.log_in_at_switch(Role.HOME)
    normal_operation(lab)
    lab.cut(Role.HOME)
    phones_move(lab)


def normal_operation(lab: Lab) -> None:
    """All phones at home, seen on the wire; the probes registered there and tried at the failover system.

    Ends just after a keepalive of the line, the moment for a stimulus.
    """
    lab.await_all_at_home()
    lab.register_probes_at_home()
    with lab.probing(every=NORMAL_OPERATION / 5):
        lab.watch(NORMAL_OPERATION, "normal operation to be seen")
        lab.after_next_keepalive()


def phones_move(lab: Lab) -> None:
    """Until every phone that is due is at the failover system, or must be; the probe tries all the while."""
    with lab.probing(every=PROBE_EVERY):
        lab.wait_for("phones to move", everyone_at(lab, Role.FAILOVER), within=bounds.last_move(lab.inventory))


def phones_return(lab: Lab) -> None:
    """Until every phone is registered at home again, or must have been; then a minute more.

    Those under manual failback are sent home when the others are there.
    """
    lab.wait_for("phones to return", everyone_returned(lab), within=bounds.last_return(lab.inventory))
    send_home(lab)
    lab.watch(60, "the phones to settle at home")


def repower(lab: Lab, phones: Sequence[str], where: str, role: Role, *, until_lapsed: bool = False) -> None:
    """These phones off and on again at once; until each of home's is registered, or must have been.

    `until_lapsed`: they stay off until `role` has forgotten them.
    """
    for name in phones:
        lab.power_off(name)
    off = lab.now()
    lab.watch(10, "the phones to lose all charge")
    for name in phones if until_lapsed else ():
        lab.watch_until_lapsed(name, role)
    for name in phones:
        lab.power_on(name)
    within = max((bounds.back_after_power(lab.inventory.telephones[name]) for name in phones), default=0.0)

    expected = [name for name in expected_at(lab, role) if name in phones]

    def registered() -> bool:
        return all(lab.registered(name, role, since=off) for name in expected)

    lab.wait_for(f"re-powered phones at {where}", registered, within=within)


def _pluggable(lab: Lab) -> list[str]:
    """Those first that are due to move and whose registrations can be read."""
    names = [name for name, phone in lab.inventory.phones.items() if phone.outlet is not None]
    judged = movers(lab.inventory).keys() & set(lab.inventory.readable)
    return sorted(names, key=lambda name: name not in judged)


def _own(lab: Lab) -> list[str]:
    return [name for name, phone in lab.inventory.failover_phones.items() if phone.outlet is not None]


def _home_rebooted(lab: Lab, by: str) -> None:
    lab.log_in(Role.HOME, by)
    normal_operation(lab)
    lab.reboot(Role.HOME, by)
    inventory = lab.inventory
    boots_within = inventory.systems[Role.HOME].boot_time + 30
    back = max(bounds.back_after_short_outage(phone) for phone in inventory.phones.values())

    with lab.probing(every=PROBE_EVERY):
        # A phone that was confirmed while home was still going down is not back yet.
        lab.watch(bounds.GOING_DOWN, "home to go down")
        down = lab.now()

        def all_back() -> bool:
            return all(lab.registered(name, Role.HOME, since=down) for name in inventory.readable)

        if not lab.wait_for("home to be back", lambda: lab.sees_home(down), within=boots_within - bounds.GOING_DOWN):
            raise LabFault(
                f"nothing was seen of it on the line {boots_within:.0f} bench s after its reboot.",
                device=str(Role.HOME),
                next_step="look at its console; where that is dead, too, switch its outlet off and on.",
            )
        lab.wait_for("all phones to be back", all_back, within=back)
    lab.watch(180, "nothing to have been invoked")


def everyone_at(lab: Lab, role: Role, but: str | None = None) -> Callable[[], bool]:
    """Whether every phone that is to be there, `but` one, has registered at `role` from now on.

    Where none is to be there, nobody can tell.
    """
    began, expected = lab.now(), [name for name in expected_at(lab, role) if name != but]
    return lambda: bool(expected) and all(lab.registered(name, role, since=began) for name in expected)


def everyone_returned(lab: Lab) -> Callable[[], bool]:
    """Whether every phone that returns by itself has registered at home from now on."""
    began, stay = lab.now(), still_away(lab)
    alone = [name for name in expected_at(lab, Role.HOME) if name not in stay]
    return lambda: all(lab.registered(name, Role.HOME, since=began) for name in alone)


def expected_at(lab: Lab, role: Role) -> list[str]:
    """The phones that can be read and are due at the system `role`."""
    due = movers(lab.inventory)
    return [name for name in lab.inventory.readable if role is Role.HOME or name in due]
