"""One integer of an SNMP agent, read and set: v3 authPriv, and v2c for old devices."""

import asyncio
from typing import Any

from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    Integer32,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    get_cmd,
    set_cmd,
    usmAesCfb128Protocol,
    usmHMAC192SHA256AuthProtocol,
    usmHMACSHAAuthProtocol,
)
from pysnmp.proto import errind
from pysnmp.proto.rfc1905 import NoSuchInstance, NoSuchObject

from harness.base.errors import BenchError, ConfigurationFault, LabFault
from harness.base.transcripts import Transcript
from harness.inventory import SnmpV2, SnmpV3

TRY_FOR = 2.0
TRIES = 3
"""Real seconds for one try, and tries, of one request: PDUs answer slowly while they switch."""

_AUTH = {"SHA": usmHMACSHAAuthProtocol, "SHA256": usmHMAC192SHA256AuthProtocol}
_PRIV = {"AES": usmAesCfb128Protocol}
_NOT_LET_IN = (
    errind.AuthenticationFailure,
    errind.AuthenticationError,
    errind.DecryptionError,
    errind.UnknownUserName,
    errind.UnknownSecurityName,
    errind.UnknownCommunityName,
    errind.UnsupportedSecurityLevel,
    errind.WrongDigest,
)


class SnmpAgent:
    """The agent at `host`:`port`; `device` is the inventory's name for it.

    An event loop of its own runs only while a request does. Use it from one thread.
    """

    def __init__(
        self,
        device: str,
        host: str,
        port: int,
        access: SnmpV3 | SnmpV2,
        transcript: Transcript,
        *,
        try_for: float = TRY_FOR,
        tries: int = TRIES,
    ) -> None:
        self._device, self._address, self._access = device, (host, port), access
        self._transcript, self._try_for, self._tries = transcript, try_for, tries
        self._runner = asyncio.Runner()
        self._engine: Any = None
        self._credentials = _credentials(access)

    def get(self, oid: str, device: str) -> int | None:
        """The integer at `oid`; None where there is none. Raises LabFault or ConfigurationFault."""
        return self._value(self._exchange(get_cmd, f"get {oid}", ObjectType(ObjectIdentity(oid)), device))

    def set(self, oid: str, value: int, device: str) -> int | None:
        """Set the integer at `oid`; what the agent says that it is now, which is no proof."""
        binding = ObjectType(ObjectIdentity(oid), Integer32(value))
        return self._value(self._exchange(set_cmd, f"set {oid} = {value}", binding, device))

    def close(self) -> None:
        """Close socket and event loop."""
        if self._engine is not None:
            self._runner.run(self._close_engine())
        self._runner.close()
        self._transcript.remark("session closed")

    def _exchange(self, command: Any, text: str, binding: Any, device: str) -> Any:
        self._transcript.sent(text)
        failed, status, _, bindings = self._runner.run(self._request(command, binding))
        if failed:
            fault = self._failed(failed, device)
        elif status:
            fault = self._denied(text, status.prettyPrint(), device)
        else:
            self._transcript.received(" ".join(bindings[0][1].prettyPrint().split()))
            return bindings[0][1]
        self._transcript.remark(fault.message)
        raise fault

    async def _request(self, command: Any, binding: Any) -> Any:
        if self._engine is None:
            self._engine = SnmpEngine()
        target = await UdpTransportTarget.create(self._address, timeout=self._try_for, retries=self._tries - 1)
        return await command(self._engine, self._credentials, target, ContextData(), binding, lookupMib=False)

    async def _close_engine(self) -> None:
        self._engine.close_dispatcher()

    @staticmethod
    def _value(value: Any) -> int | None:
        return None if isinstance(value, NoSuchInstance | NoSuchObject) else int(value)

    def _failed(self, failed: Any, device: str) -> BenchError:
        where = f"{self._address[0]}:{self._address[1]}"
        if isinstance(failed, _NOT_LET_IN):
            return ConfigurationFault(
                f"the SNMP agent at {where} does not let us in ({type(failed).__name__}).",
                device=device,
                next_step="check the SNMP user and both of its secrets in the inventory.",
            )
        silent_to = "community" if self._access.version == 2 else "privacy secret"
        return LabFault(
            f"no answer from the SNMP agent at {where} in {self._tries} tries of {self._try_for:g} s"
            f" ({type(failed).__name__}).",
            device=device,
            next_step=f"check that it is powered and reachable; a wrong {silent_to} is met with silence.",
        )

    def _denied(self, text: str, status: str, device: str) -> BenchError:
        return ConfigurationFault(
            f"the SNMP agent refuses '{text}' ({status}).",
            device=device,
            next_step="check number of the outlet and write access of this user.",
        )


def _credentials(access: SnmpV3 | SnmpV2) -> Any:
    if isinstance(access, SnmpV2):
        return CommunityData(access.community.resolve(), mpModel=1)
    return UsmUserData(
        access.user,
        access.auth.resolve(),
        access.priv.resolve(),
        authProtocol=_AUTH[access.auth_protocol],
        privProtocol=_PRIV[access.priv_protocol],
    )
