"""Root CAs of the bench's own and an identity certificate for each unit, made anew by each `bench up`."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.inventory import Inventory, Role, System
from virtual_bench.tls import FOLDER, SESSIONS, root_file, roots_of

_VALID = datetime.timedelta(days=30)


def make_certificates(state: Path, inventory: Inventory) -> None:
    """Write the certificate of each root, and certificate with key of each unit, to `state`/keys.

    The roots' own keys are used here and kept nowhere.
    """
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / SESSIONS).touch(mode=0o600)
    roots = {root: ec.generate_private_key(ec.SECP256R1()) for root in roots_of(inventory)}
    for root, key in roots.items():
        name = _root_name(root)
        begun = _begun(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = begun.sign(key, hashes.SHA256())
        root_file(state, root).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for role, system in inventory.systems.items():
        root = system.certificate_root
        _write_identity(folder / f"{role.value}.pem", role, system, _root_name(root), roots[root])


def _root_name(root: str) -> x509.Name:
    return _name(f"{root} test CA")


def _write_identity(
    path: Path, role: Role, system: System, issuer: x509.Name, ca_key: ec.EllipticCurvePrivateKey
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    addresses = [system.address, *([system.ipv6.address] if system.ipv6 else ())]
    names = x509.SubjectAlternativeName([*map(x509.IPAddress, addresses), x509.DNSName(f"{role.value}.invalid")])
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
