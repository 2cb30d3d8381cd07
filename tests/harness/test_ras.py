"""H.225 RAS: from packets to registration attempts, through the real tshark."""

from pathlib import Path
from typing import Any

import pytest

from harness.base.units import BenchSeconds
from harness.capture.events import Outcome, SystemNotice
from harness.inventory import Protocol, Role
from tests.harness.decoding import T0, attempts, decoded, needs_tshark, only
from tests.harness.wire import FAILOVER, PHONE, Timed, ras, udp

pytestmark = needs_tshark
pytest.importorskip("pycrate_asn1dir")

PHONE_RAS, GATEKEEPER = (PHONE, 49152), (FAILOVER, 1719)
ALIAS = [("dialledDigits", "303")]


def grq(at: float, number: int) -> Timed:
    return at, udp(PHONE_RAS, GATEKEEPER, ras("gatekeeperRequest", {"requestSeqNum": number, "endpointAlias": ALIAS}))


def rrq(at: float, number: int, *, light: bool = False, endpoint: str = "ep1") -> Timed:
    named: dict[str, Any] = {"endpointIdentifier": endpoint} if light else {"terminalAlias": ALIAS}
    flags = {"keepAlive": light, "willSupplyUUIEs": False, "maintainConnection": False}
    return at, udp(PHONE_RAS, GATEKEEPER, ras("registrationRequest", {"requestSeqNum": number, **named, **flags}))


def answer(at: float, kind: str, number: int, **fields: Any) -> Timed:
    return at, udp(GATEKEEPER, PHONE_RAS, ras(kind, {"requestSeqNum": number, **fields}))


def rcf(at: float, number: int, endpoint: str = "ep1", **more: Any) -> Timed:
    fields = {"willRespondToIRR": False, "maintainConnection": False} | more
    return answer(at, "registrationConfirm", number, endpointIdentifier=endpoint, timeToLive=120, **fields)


def rrj(at: float, number: int, reason: str) -> Timed:
    return answer(at, "registrationReject", number, rejectReason=(reason, [] if "Alias" in reason else 0))


def test_discovery_and_registration_are_one_attempt(tmp_path: Path) -> None:
    frames = [grq(0, 1), answer(0.1, "gatekeeperConfirm", 1), rrq(0.2, 2), rcf(0.3, 2)]
    [attempt] = attempts(decoded(tmp_path, failover=frames))
    assert (attempt.protocol, attempt.extension, attempt.role) == (Protocol.H323, "303", Role.FAILOVER)
    assert attempt.outcome is Outcome.ACCEPTED
    assert attempt.expires == BenchSeconds(120)
    assert attempt.requests == 2
    assert (attempt.asked_at, attempt.at) == pytest.approx((T0, T0 + 0.3))


def test_discovery_alone_is_no_acceptance(tmp_path: Path) -> None:
    [attempt] = attempts(decoded(tmp_path, failover=[grq(0, 1), answer(0.1, "gatekeeperConfirm", 1)]))
    assert attempt.outcome is Outcome.CHALLENGED


def test_a_light_rrq_confirms_and_is_named_by_its_endpoint(tmp_path: Path) -> None:
    frames = [rrq(0, 1), rcf(0.1, 1), rrq(2, 2, light=True), rcf(2.1, 2)]
    found = attempts(decoded(tmp_path, failover=frames))
    assert [(each.outcome, each.extension) for each in found] == [
        (Outcome.ACCEPTED, "303"),
        (Outcome.CONFIRMED, "303"),
    ]


def test_several_extensions_at_one_address_are_told_apart(tmp_path: Path) -> None:
    handset = {"terminalAlias": [("dialledDigits", "327")]}
    frames = [rrq(0, 1), rcf(0.1, 1)]
    frames += [rrq(2, 2, light=True, endpoint="ep2"), rcf(2.1, 2, "ep2", **handset)]
    frames += [rrq(3, 3, light=True), rcf(3.1, 3), rrq(4, 4, light=True, endpoint="ep2"), rcf(4.1, 4, "ep2")]
    found = attempts(decoded(tmp_path, failover=frames))
    assert [each.extension for each in found] == ["303", "327", "303", "327"]


def test_a_light_rrq_of_an_unknown_endpoint_is_named_by_its_address_where_nothing_else_does(tmp_path: Path) -> None:
    frames = [rrq(0, 1), rcf(0.1, 1), rrq(2, 2, light=True, endpoint="ep2"), rcf(2.1, 2, "ep2")]
    assert [each.extension for each in attempts(decoded(tmp_path, failover=frames))] == ["303", "303"]


def test_a_light_rrq_that_must_be_full_is_a_challenge(tmp_path: Path) -> None:
    frames = [rrq(0, 1, light=True), rrj(0.1, 1, "fullRegistrationRequired"), rrq(0.2, 2), rcf(0.3, 2)]
    [attempt] = attempts(decoded(tmp_path, failover=frames))
    assert attempt.outcome is Outcome.ACCEPTED


def test_refusals_tell_their_reason(tmp_path: Path) -> None:
    frames = [rrq(0, 1), rrj(0.1, 1, "securityDenial")]
    frames += [grq(3, 2), answer(3.1, "gatekeeperReject", 2, rejectReason=("terminalExcluded", 0))]
    found = attempts(decoded(tmp_path, failover=frames))
    assert [(each.outcome, each.reason) for each in found] == [
        (Outcome.REFUSED, "RRJ securityDenial"),
        (Outcome.REFUSED, "GRJ terminalExcluded"),
    ]


def test_repeated_requests_count_once_but_numbers_that_begin_again_do_not(tmp_path: Path) -> None:
    frames = [rrq(0, 1), rrq(0.17, 1), rcf(0.2, 1), rrq(5, 1), rcf(5.1, 1)]
    found = attempts(decoded(tmp_path, failover=frames))
    assert [(each.outcome, each.requests) for each in found] == [(Outcome.ACCEPTED, 1)] * 2


def test_unregistration_by_the_phone_and_by_the_gatekeeper(tmp_path: Path) -> None:
    urq = ras("unregistrationRequest", {"requestSeqNum": 2, "endpointIdentifier": "ep1"})
    frames = [
        rrq(0, 1),
        rcf(0.1, 1),
        (1.0, udp(PHONE_RAS, GATEKEEPER, urq)),
        answer(1.1, "unregistrationConfirm", 2),
    ]
    own = ras(
        "unregistrationRequest",
        {"requestSeqNum": 9, "endpointIdentifier": "ep1", "reason": ("ttlExpired", 0)},
    )
    frames += [(2.0, udp(GATEKEEPER, PHONE_RAS, own))]
    found = decoded(tmp_path, failover=frames)
    assert [each.outcome for each in attempts(found)] == [Outcome.ACCEPTED, Outcome.WITHDRAWN]
    [notice] = only(found, SystemNotice)
    assert (notice.extension, notice.reason, notice.at) == ("303", "URQ ttlExpired", T0 + 2)


def test_a_mutilated_message_is_a_finding_and_no_event(tmp_path: Path) -> None:
    at, frame = rrq(0, 1)
    cut = bytearray(frame[:-20])
    cut[16:18] = (len(cut) - 14).to_bytes(2)
    cut[38:40] = (len(cut) - 34).to_bytes(2)
    found = decoded(tmp_path, failover=[(at, bytes(cut))])
    assert found.events == ()
    assert [(each.point, each.frame) for each in found.findings] == [("failover", 1)]
