"""Whose paths are blocked is chosen by rule."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.base.errors import ConfigurationFault, LabFault
from harness.base.stimulus import Stimulus
from harness.base.units import EpochSeconds
from harness.capture.events import Outcome
from harness.drivers.protocols import PathRef
from harness.episodes.episode import library
from harness.episodes.lab import Lab
from harness.episodes.live import LiveView
from harness.episodes.paths import Chosen, choose, chosen
from harness.episodes.watching import Quiet
from harness.inventory import Inventory, find_bench, load_inventory
from tests.harness.decoding import inventory
from tests.harness.test_timeline import FAILOVER, HOME, SCALE, attempt, epoch

VIRTUAL = Path(__file__).parents[2] / "lab_inventory" / "virtual.yaml"


def bench(folder: Path, change: str = "") -> Inventory:
    file = folder / "bench.yaml"
    file.write_text(f"extends: {VIRTUAL}\n{change}\n")
    return load_inventory(file, folder)


def test_datagrams_show_tries_in_vain_and_who_asks_oftenest_is_kept(tmp_path: Path) -> None:
    assert choose(bench(tmp_path)) == Chosen(stranded="phone-1608", opened="phone-J179", kept="phone-9641")


def test_a_sip_phone_by_datagrams_is_as_good(tmp_path: Path) -> None:
    found = choose(bench(tmp_path, "phones: {phone-1608: {model: 1140E}}"))
    assert found == Chosen(stranded="phone-1140E", opened="phone-J179", kept="phone-9641")


@pytest.mark.parametrize(
    "change",
    [
        "sites: {phones: {router: null}}",
        "phones: {phone-9641: {resilient: false}, phone-1608: {resilient: false}}",
        "phones: {phone-9641: {site: home}, phone-1608: {site: failover}}",
        "phones: {phone-1140E: {transport: tcp}, phone-1608: {resilient: false}}",
        # What is looked for at failback nobody shows who stays.
        "systems: {home: {failback: manual}}",
    ],
    ids=["no router", "two phones", "beside a system", "one by datagrams", "manual failback"],
)
def test_a_bench_that_has_not_enough_is_told(tmp_path: Path, change: str) -> None:
    unfit = bench(tmp_path, change)
    assert choose(unfit) is None
    assert "not three physical phones" in library()["paths_blocked"].lacks(unfit)
    with pytest.raises(ConfigurationFault, match="not three physical phones"):
        chosen(unfit)


def lab(folder: Path, monkeypatch: pytest.MonkeyPatch, described: Inventory) -> Lab:
    monkeypatch.setenv("LAB_STATE", str(folder / "state"))
    found = replace(find_bench("virtual"), inventory=described)
    return Lab(found, "none", folder / "recording", Quiet())


def test_a_path_is_not_blocked_without_a_router(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationFault, match="phone-1608: no router is stated"):
        lab(tmp_path, monkeypatch, bench(tmp_path, "sites: {phones: {router: null}}")).block("phone-1608", HOME)


def test_a_path_is_not_blocked_of_a_phone_that_was_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabFault, match="phone-1608: its address is not known"):
        lab(tmp_path, monkeypatch, bench(tmp_path)).block("phone-1608", HOME)


ADDRESS_6 = "fd77:3::77:ff:fe00:301"


def test_the_path_of_a_phone_by_ipv6_leads_to_the_network_that_the_systems_site_has_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = list[PathRef]()

    def set_path(ref: PathRef, *_: object) -> Stimulus:
        blocked.append(ref)
        return Stimulus("block", "phone-J179", EpochSeconds(0), EpochSeconds(1))

    made = lab(tmp_path, monkeypatch, find_bench("virtual-ipv6").inventory)
    monkeypatch.setattr(made.live, "address", lambda _: ADDRESS_6)
    monkeypatch.setattr(made.door, "set_path", set_path)
    made.block("phone-J179", HOME)
    assert blocked == [PathRef.of("core", f"{ADDRESS_6} - fd77:1::/64")]


def test_where_that_site_has_none_it_cannot_be_blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(tmp_path, monkeypatch, bench(tmp_path))
    monkeypatch.setattr(made.live, "address", lambda _: ADDRESS_6)
    with pytest.raises(
        ConfigurationFault, match="phone-J179: it registers by IPv6, and the home system's site has none"
    ):
        made.block("phone-J179", HOME)


def test_the_view_knows_from_where_a_phone_asks_and_how_often_it_refreshes(monkeypatch: pytest.MonkeyPatch) -> None:
    view = LiveView(inventory())
    assert (view.address("301"), view.refreshes("301", FAILOVER)) == (None, None)
    events = [
        attempt(10, Outcome.ACCEPTED),
        attempt(40, Outcome.CONFIRMED, HOME),
        attempt(70, Outcome.CONFIRMED),
        attempt(130, Outcome.CONFIRMED),
        attempt(140, Outcome.REFUSED),
    ]
    monkeypatch.setattr(view._reader, "drain", lambda: events)
    view.update()
    assert view.address("301") == "10.77.3.101"
    found = view.refreshes("301", FAILOVER)
    assert found is not None
    assert found == pytest.approx((epoch(130), 60 / SCALE))
    assert view.refreshes("301", HOME) is None
