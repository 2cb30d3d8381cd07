import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import ConfigurationFault
from harness.inventory import catalogue, find_bench
from virtual_bench.defects import DEFECTS, Conduct, apply_defects
from virtual_bench.units.failover_policy import TRANSITIONS, FailoverPolicy, Mode
from virtual_bench.units.home_policy import HOLDS_FOR, HomePolicy


class Trial:
    """A policy with the modes it went through, and when."""

    def __init__(self, conduct: Conduct | None = None) -> None:
        self.now, self.modes = 0.0, list[tuple[float, Mode]]()
        self.policy = FailoverPolicy(conduct or Conduct(), lambda mode: self.modes.append((self.now, mode)))

    def at(self, now: float) -> FailoverPolicy:
        while (due := self.policy.due()) is not None and due <= now:
            self.now = due
            self.policy.advance(due)
        self.now = now
        return self.policy

    def seen(self, since: float, until: float) -> FailoverPolicy:
        """Home is there again, with a keepalive each 30 s, and no message after `until`."""
        now = since
        while now <= until:
            self.at(now).sighted(now)
            now += 30
        return self.at(until)

    def lost_at(self, now: float) -> "Trial":
        """Home seen until `now`, the connection given up 75 s later."""
        self.at(now).sighted(now)
        self.at(now + 75).lost(now + 75)
        return self


def test_it_opens_no_earlier_than_three_minutes_after_the_last_sight() -> None:
    trial = Trial().lost_at(100)
    assert not trial.at(279.9).open
    assert trial.at(280).open
    assert trial.modes == [(280, Mode.SUPPORT)]


def test_a_system_that_counts_from_the_last_registration_opens_as_long_after_that() -> None:
    trial = Trial(Conduct(opens_from_records=True))
    trial.at(10).sighted(10)
    trial.policy.told(10)
    assert not trial.at(5000).open, "home is in sight"
    trial.lost_at(5000)
    assert trial.at(5075).open
    later = Trial(Conduct(opens_from_records=True))
    later.policy.told(90)
    later.lost_at(100)
    assert not later.at(269).open
    assert later.at(270).open


def test_a_home_that_comes_back_in_time_changes_nothing() -> None:
    trial = Trial().lost_at(100)
    trial.at(270).sighted(270)
    assert trial.at(2000).mode is Mode.NORMAL
    assert trial.modes == []


def test_failback_begins_more_than_ten_minutes_after_home_is_visible_and_ends_after_the_grace() -> None:
    trial = Trial().lost_at(0)
    assert trial.seen(400, 1000).mode is Mode.RETURNING
    trial.at(5000)
    assert trial.modes == [
        (180, Mode.SUPPORT), (400, Mode.RETURNING), (1001, Mode.FAILBACK), (1301, Mode.NORMAL),
    ]  # fmt: skip


def test_without_a_grace_it_is_closed_as_soon_as_they_are_to_go_back() -> None:
    trial = Trial(Conduct(grace=0)).lost_at(0)
    assert trial.seen(400, 1000).open
    assert not trial.at(1001).open
    assert trial.modes[2:] == [(1001, Mode.FAILBACK), (1001, Mode.NORMAL)]


def test_the_ten_minutes_start_again_when_home_is_lost_again() -> None:
    trial = Trial().lost_at(0)
    trial.at(400).sighted(400)
    trial.at(940).lost(940)
    trial.at(1180).sighted(1180)
    assert trial.modes[2:] == [(940, Mode.SUPPORT), (1180, Mode.RETURNING)]
    assert trial.seen(1180, 1180 + 600).mode is Mode.RETURNING
    assert trial.at(1180 + 601).mode is Mode.FAILBACK


@pytest.mark.parametrize("last", [926, 940, 955.9])
def test_a_home_that_is_lost_in_the_last_of_the_ten_minutes_has_not_been_visible_for_ten(last: float) -> None:
    trial = Trial().lost_at(0)
    trial.seen(400, last - 30)
    trial.lost_at(last)
    assert trial.modes[2:] == [(last + 75, Mode.SUPPORT)]
    assert trial.seen(1240, 1840).mode is Mode.RETURNING
    assert trial.at(1841).mode is Mode.FAILBACK


def test_a_keepalive_that_is_late_when_the_ten_minutes_are_over_ends_them() -> None:
    trial = Trial().lost_at(0)
    trial.seen(400, 940)
    trial.at(1010).sighted(1010)
    assert trial.modes[2:] == [(1010, Mode.FAILBACK)]


def test_a_system_that_counts_on_sends_them_back_as_soon_as_home_is_visible_again() -> None:
    trial = Trial(Conduct(counts_anew=False)).lost_at(0)
    trial.at(400).sighted(400)
    trial.at(940).lost(940)
    trial.at(1180).sighted(1180)
    assert trial.at(1181).mode is Mode.FAILBACK
    assert trial.modes[2:4] == [(940, Mode.SUPPORT), (1180, Mode.RETURNING)]


def test_a_system_that_counts_from_the_loss_sends_them_back_ten_minutes_after_that() -> None:
    trial = Trial(Conduct(counts_from_loss=True)).lost_at(0)
    assert trial.seen(400, 600).mode is Mode.RETURNING
    assert trial.at(601).mode is Mode.FAILBACK


def test_keepalives_do_not_start_the_ten_minutes_again() -> None:
    trial = Trial().lost_at(0)
    for now in range(400, 1400, 30):
        trial.at(now).sighted(now)
    assert (1001, Mode.FAILBACK) in trial.modes


def test_home_lost_within_the_grace_is_supported_again() -> None:
    trial = Trial().lost_at(0)
    trial.seen(400, 1050)
    trial.at(1060).lost(1060)
    assert trial.modes[2:] == [(1001, Mode.FAILBACK)]
    assert trial.at(1230).mode is Mode.SUPPORT


def test_without_ever_having_seen_home_it_never_opens() -> None:
    trial = Trial()
    trial.at(10).lost(10)
    assert trial.at(10_000).mode is Mode.NORMAL


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 700)), max_size=30))
def test_it_never_opens_early_and_never_takes_a_way_that_is_not_there(steps: list[tuple[bool, float]]) -> None:
    trial, now, last_sight = Trial(), 0.0, -1e9
    before = Mode.NORMAL
    for seen, pause in steps:
        now += pause
        policy = trial.at(now)
        (policy.sighted if seen else policy.lost)(now)
        for at, mode in trial.modes:
            assert mode in TRANSITIONS[before]
            if mode is Mode.SUPPORT and before in (Mode.NORMAL, Mode.FAILBACK):
                assert at >= last_sight + 180
            before = mode
        trial.modes.clear()
        last_sight = now if seen else last_sight


def test_softphones_are_let_in_once_a_physical_telephone_has_been() -> None:
    policy = Trial().lost_at(0).policy
    assert policy.admits(181, soft=False)
    assert not policy.admits(3000, soft=True)
    policy.physical_accepted()
    assert policy.admits(3001, soft=True)


def test_what_was_let_in_before_an_outage_does_not_count_in_it() -> None:
    trial = Trial().lost_at(0)
    trial.at(200).physical_accepted()
    trial.at(400).sighted(400)
    assert trial.policy.admits(500, soft=True), "home is visible, not yet for long enough"
    trial.seen(430, 2000)
    trial.policy.physical_accepted()
    trial.lost_at(2000)
    assert not trial.policy.admits(2300, soft=True)


def test_softphones_stay_where_home_is_lost_within_the_grace() -> None:
    trial = Trial().lost_at(0)
    trial.at(200).physical_accepted()
    trial.seen(400, 1030)
    trial.lost_at(1030)
    assert trial.at(1211).mode is Mode.SUPPORT
    assert trial.modes[2:] == [(1001, Mode.FAILBACK), (1210, Mode.SUPPORT)]
    assert trial.policy.admits(1211, soft=True)


@pytest.mark.parametrize(("defect", "first"), [("softphones-alone", 180), ("softphones-first", 660)])
def test_a_system_that_is_tired_of_waiting_lets_softphones_in_alone(defect: str, first: float) -> None:
    policy = Trial(apply_defects(Conduct(), [defect], "failover")).lost_at(0).policy
    assert not policy.admits(first - 1, soft=True)
    assert policy.admits(first, soft=True)


@pytest.mark.parametrize(
    ("defect", "conduct"),
    [
        ("early-admission", Conduct(opens_after=150)),
        ("early-failback", Conduct(returns_after=480)),
        ("no-admission", Conduct(opens_after=None)),
        ("open-door", Conduct(blocks=False)),
        ("hasty-admission", Conduct(opens_after=90)),
        ("late-failback", Conduct(returns_after=1200)),
        ("counts-on", Conduct(counts_anew=False)),
        ("counts-from-loss", Conduct(counts_from_loss=True)),
        ("counts-from-registration", Conduct(opens_from_records=True)),
        ("keeps-records", Conduct(forgets=False)),
        ("lets-strangers-in", Conduct(admits_strangers=True)),
        ("any-password", Conduct(checks_passwords=False)),
        ("guests-take-licences", Conduct(guests_take_licences=True)),
        ("guests-need-licences", Conduct(guests_need_licences=True)),
        ("stale-records", Conduct(learns_again=False)),
        ("waits-for-all", Conduct(waits_for_all=True)),
        ("no-grace", Conduct(grace=0)),
        ("long-grace", Conduct(grace=400)),
        ("guests-stay", Conduct(drops_guests=False)),
        ("returns-manual-phones", Conduct(heeds_manual=False)),
        ("keeps-rebooted-phones", Conduct(keeps_rebooted=True)),
        ("keeps-logged-out-phones", Conduct(keeps_logged_out=True)),
        ("serves-sip-anyway", Conduct(serves_anyway=True)),
        ("serves-h323-anyway", Conduct(serves_anyway=True)),
        ("serves-ipv6-anyway", Conduct(serves_anyway=True)),
        ("serves-portal-anyway", Conduct(serves_anyway=True)),
        ("admits-other-domain", Conduct(heeds_domain=False)),
        ("no-backup-dhcp", Conduct(dhcp_in=False)),
        ("dhcp-always", Conduct(dhcp_before=True, dhcp_after=True)),
        ("dhcp-goes-on", Conduct(dhcp_after=True)),
        ("softphones-alone", Conduct(softphones_after=180)),
        ("softphones-first", Conduct(softphones_after=660)),
        ("keeps-out-1600", Conduct(keeps_out="1600")),
        ("dhcp-own-data", Conduct(dhcp_domain="failover.example")),
    ],
)
def test_a_defect_changes_one_thing(defect: str, conduct: Conduct) -> None:
    assert apply_defects(Conduct(), [defect], "failover") == conduct
    assert DEFECTS[defect].clauses


def test_every_family_of_telephones_has_a_defect_of_its_own() -> None:
    for model in catalogue().values():
        assert model.clause in DEFECTS[f"keeps-out-{model.family.lower()}"].clauses


def test_with_no_admission_it_never_opens() -> None:
    assert not Trial(apply_defects(Conduct(), ["no-admission"], "failover")).lost_at(0).at(10_000).open


@pytest.mark.parametrize("name", DEFECTS)
def test_an_instance_of_its_bench_can_be_named_after_a_defect(name: str) -> None:
    assert find_bench(f"{DEFECTS[name].bench}@{name}").inventory


def test_an_unknown_defect_is_named() -> None:
    with pytest.raises(ConfigurationFault, match="no defect 'late'"):
        apply_defects(Conduct(), ["late"], "failover")


def test_home_holds_new_registrations_until_it_is_told() -> None:
    policy = HomePolicy(0)
    assert not policy.admits("301", 10, refresh=False)
    assert policy.admits("301", 10, refresh=True)
    policy.told("normal", [])
    assert policy.admits("301", 10, refresh=False)


def test_home_holds_for_a_minute_at_most() -> None:
    policy = HomePolicy(0)
    assert not policy.admits("301", HOLDS_FOR - 1, refresh=False)
    assert policy.admits("301", HOLDS_FOR, refresh=False)


@pytest.mark.parametrize(("mode", "admitted"), [("support", False), ("returning", False), ("failback", True)])
def test_home_refuses_whom_the_failover_system_has(mode: str, admitted: bool) -> None:
    policy = HomePolicy(0)
    policy.told(mode, ["301"])
    assert policy.admits("301", 1, refresh=False) is admitted
    assert policy.admits("302", 1, refresh=False)


def test_a_failover_system_that_died_does_not_keep_phones_out_for_good() -> None:
    policy = HomePolicy(0)
    policy.told("support", ["301"])
    policy.line_lost(100)
    assert not policy.admits("301", 100 + HOLDS_FOR - 1, refresh=False)
    assert policy.admits("301", 100 + HOLDS_FOR, refresh=False)
