"""An example of a test that drives the lab itself instead of judging an episode."""

from collections.abc import Callable

import pytest

from fixtures.judging import at_most, clause, judge, judge_none
from harness.base.interval import Interval
from harness.episodes import bounds
from harness.episodes.lab import Lab
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Role
from harness.timeline import acceptances, admission_at, tries, vouched

pytestmark = pytest.mark.hands_on


@clause("FO-SHORT")
def test_trouble_at_the_phones_and_a_reboot_invoke_nothing(
    lab: Lab, recorded: Callable[[], Recording], inventory: Inventory
) -> None:
    first, second = list(inventory.phones)[:2]
    lab.await_all_at_home()

    lab.cut(first)
    lab.watch(20, f"{first} to be without link")
    lab.restore(first)

    lab.power_cycle(second)
    powered = lab.now()
    within = bounds.back_after_power(inventory.phones[second])
    lab.wait_for(f"{second} at home", lambda: lab.registered(second, Role.HOME, since=powered), within=within)

    lab.after_next_keepalive()
    rebooted = lab.now()
    lab.reboot(Role.HOME, by="ssh")
    within = inventory.systems[Role.HOME].boot_time + max(
        map(bounds.back_after_short_outage, inventory.phones.values())
    )
    lab.wait_for(
        "all phones at home again",
        lambda: all(lab.registered(name, Role.HOME, since=rebooted) for name in inventory.phones),
        within=within,
    )

    recording = recorded()
    power = recording.powered_on(inventory.phones[second])
    back = admission_at(Role.HOME, recording.registrations(inventory.phones[second]), since=power).accepted
    judge(
        back - power,
        at_most(bounds.back_after_power(inventory.phones[second])),
        marks=[(power, "power"), (back, "back")],
    )
    after = Interval(recording.line.last_sight_of(Role.HOME).high, recording.timeline.end)
    phones = recording.registrations(*inventory.phones.values())
    judge_none(
        acceptances(phones.at(Role.FAILOVER)),
        occasions=vouched(tries(Role.FAILOVER, phones, after), phones),
        occasion="a refusal at the failover system after home was lost",
    )
