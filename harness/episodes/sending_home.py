"""Phones under manual failback: which are still away, and how the lab sends them home."""

from harness.base.units import BenchSeconds
from harness.episodes import bounds
from harness.episodes.lab import Lab
from harness.inventory import Role, staying


def still_away(lab: Lab) -> list[str]:
    """The phones under manual failback that are at the failover system: confirmed there within two refreshes.

    One that this system has lost, by a restart, goes home by itself.
    """
    lab.live.update()
    now, phones, scale = lab.now(), lab.inventory.phones, lab.inventory.settings.scale

    def confirmed(name: str) -> bool:
        lately = now - scale.to_real(BenchSeconds(2 * phones[name].catalogued.refresh))
        return lab.registered(name, Role.FAILOVER, since=lately)

    return [name for name in staying(lab.inventory) if confirmed(name)]


def send_home(lab: Lab) -> None:
    """By hand who does not return without: logged out where there is a way to, else re-powered."""
    phones, role = lab.inventory.phones, Role.FAILOVER
    commanded = lab.inventory.systems[role].log_out_command is not None
    by_hand = [name for name in still_away(lab) if commanded or phones[name].outlet is not None]
    if not by_hand:
        return
    began = lab.now()
    for name in by_hand:
        if commanded:
            lab.log_out(name, role)
        else:
            lab.power_cycle(name)

    def home() -> bool:
        return all(lab.registered(name, Role.HOME, since=began) for name in by_hand)

    lab.wait_for("phones that were sent home", home, within=bounds.sent_home(lab.inventory))
