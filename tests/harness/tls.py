"""For tests: a TLS connection made in memory, as the TCP payloads of a client and a server, with its session keys."""

import datetime
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class _End:
    def __init__(self, context: ssl.SSLContext, *, server_side: bool) -> None:
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_side=server_side)

    def shaken(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True


@dataclass
class Secret:
    """A connection: `sent` is what went over the wire, in order: (whether from the client, bytes)."""

    keys: Path
    ends: tuple[_End, _End]
    sent: list[tuple[bool, bytes]] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path) -> "Secret":
        """Shake hands; the session keys are in `folder`/keys.txt afterwards."""
        client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        client.keylog_filename = str(folder / "keys.txt")
        server.load_cert_chain(certificate(folder))
        made = cls(folder / "keys.txt", (_End(client, server_side=False), _End(server, server_side=True)))
        while sum(end.shaken() for end in made.ends) < len(made.ends):
            made._carry()
        made._carry()
        return made

    @classmethod
    def refuse(cls, folder: Path) -> "Secret":
        """A handshake of TLS 1.2 that the client ends by an alert: it trusts nobody."""
        client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        client.check_hostname = False
        server.maximum_version = ssl.TLSVersion.TLSv1_2
        server.load_cert_chain(certificate(folder))
        made = cls(folder / "keys.txt", (_End(client, server_side=False), _End(server, server_side=True)))
        with suppress(ssl.SSLCertVerificationError):
            while True:
                made.ends[0].shaken()
                made._carry()
                made.ends[1].shaken()
                made._carry()
        made._carry()
        return made

    def end(self, *, from_client: bool) -> None:
        """Say that there is nothing more to come."""
        with suppress(ssl.SSLWantReadError):
            self.ends[not from_client].tls.unwrap()
        self._carry()

    def say(self, data: bytes, *, from_client: bool) -> None:
        """Send application data."""
        self.ends[not from_client].tls.write(data)
        self._carry()

    def _carry(self) -> None:
        for end, other in (self.ends, self.ends[::-1]):
            if data := end.out.read():
                self.sent.append((end is self.ends[0], data))
                other.into.write(data)


def certificate(folder: Path) -> Path:
    """A self-signed certificate with its key, one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "home.lab.example")])
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(day).not_valid_after(day + datetime.timedelta(days=3650))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(pem + built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path
