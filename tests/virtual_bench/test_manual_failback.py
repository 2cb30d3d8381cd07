import pytest

from virtual_bench.defects import Conduct, apply_defects
from virtual_bench.units.bindings import Binding, Bindings, take_back
from virtual_bench.units.manual_failback import ManualFailback


def guests() -> Bindings:
    """A SIP telephone and two of H.323."""
    bindings = Bindings(lambda: None)
    for extension, protocol in (("301", "sip"), ("303", "h323"), ("304", "h323")):
        bindings.put(Binding(extension, protocol, "10.77.3.101", extension, 0.0, None))
    return bindings


def manual(defect: str | None = None, *, stated: bool = True) -> tuple[ManualFailback, Bindings]:
    bindings = guests()
    found = ManualFailback(apply_defects(Conduct(), [defect] if defect else [], "failover"), bindings)
    found.stated = stated
    return found, bindings


@pytest.mark.parametrize(
    ("stated", "defect", "who"),
    [(True, None, {"303", "304"}), (False, None, set()), (True, "returns-manual-phones", set())],
)
def test_who_stays(stated: bool, defect: str | None, who: set[str]) -> None:
    found, bindings = manual(defect, stated=stated)
    assert {extension for extension in bindings.extensions if found.stays(extension)} == who


def test_nobody_is_claimed_who_was_rebooted_or_logged_out() -> None:
    found, bindings = manual()
    found.failback_begins()
    found.logged_out("303")
    bindings.remove("303")
    assert found.claimed == []


def test_a_rebooted_phone_is_claimed_until_it_is_logged_out() -> None:
    found, bindings = manual("keeps-rebooted-phones")
    assert found.claimed == []
    found.failback_begins()
    bindings.remove("303")
    assert found.claimed == ["303", "304"]
    found.logged_out("303")
    assert found.claimed == ["304"]


def test_a_logged_out_phone_is_claimed_until_it_has_come_back() -> None:
    found, bindings = manual("keeps-logged-out-phones")
    found.failback_begins()
    for extension in ("301", "303"):
        found.logged_out(extension)
        bindings.remove(extension)
    assert found.claimed == ["303"]
    bindings.put(Binding("303", "h323", "10.77.3.103", "new", 0.0, None))
    assert found.claimed == []


class Service:
    """Notes whom it was told to take back."""

    def __init__(self, protocol: str) -> None:
        self.protocol, self.told = protocol, list[str]()

    def take_back(self, extension: str) -> None:
        self.told.append(extension)


def test_the_service_that_has_it_takes_a_telephone_back() -> None:
    sip, h323 = Service("sip"), Service("h323")
    assert take_back("303", guests(), (sip, None, h323))
    assert not take_back("999", guests(), (sip, h323))
    assert (sip.told, h323.told) == ([], ["303"])
