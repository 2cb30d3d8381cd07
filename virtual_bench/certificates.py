"""A root CA of the bench's own and an identity certificate for each unit, made anew by each `bench up`."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.inventory import Inventory, Role, System

FOLDER, CA = "keys", "ca.pem"
CIPHER = "ECDHE-ECDSA-AES128-GCM-SHA256"
_VALID = datetime.timedelta(days=30)


def make_certificates(state: Path, inventory: Inventory) -> None:
    """Write the CA's certificate, and certificate with key of each unit, to `state`/keys.

    The CA's own key is used here and kept nowhere.
    """
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name(f"{inventory.bench} test CA")
    ca = _begun(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = ca.sign(ca_key, hashes.SHA256())
    (folder / CA).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for role, system in inventory.systems.items():
        _write_identity(folder / f"{role.value}.pem", role, system, ca_name, ca_key)


def server_context(state: Path, role: Role) -> ssl.SSLContext:
    """TLS for the listening end; it asks for the other end's certificate, too."""
    return _context(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), state, role)


def client_context(state: Path, role: Role) -> ssl.SSLContext:
    """TLS for the connecting end."""
    return _context(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), state, role)


def _context(context: ssl.SSLContext, state: Path, role: Role) -> ssl.SSLContext:
    context.load_verify_locations(state / FOLDER / CA)
    context.load_cert_chain(state / FOLDER / f"{role.value}.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    # With TLS 1.2 alerts are records of a type of their own on the wire, and record sizes are predictable.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHER)
    context.options |= ssl.OP_NO_TICKET
    return context


def _write_identity(
    path: Path, role: Role, system: System, issuer: x509.Name, ca_key: ec.EllipticCurvePrivateKey
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    address = x509.IPAddress(ipaddress.ip_address(system.address))
    names = x509.SubjectAlternativeName([address, x509.DNSName(f"{role.value}.invalid")])
    certificate = _begun(_name(role.value), issuer, key).add_extension(names, critical=False)
    path.touch(mode=0o600)
    path.write_bytes(
        certificate.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a bench's devices may disagree on the hour
        .not_valid_after(now + _VALID)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
