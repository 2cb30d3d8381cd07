"""TLS between the units, and between telephones and units, with what `bench up` made for it."""

import ssl
from pathlib import Path

from harness.inventory import Bench, Inventory, Role

FOLDER = "keys"
SESSIONS = "sessions.log"
"""Session keys of the telephones' encrypted connections, so that a lab can read them (NSS key log format)."""
CIPHER = "ECDHE-ECDSA-AES128-GCM-SHA256"


def roots_of(inventory: Inventory) -> list[str]:
    """The names of the roots that the systems state."""
    return sorted({system.certificate_root for system in inventory.systems.values()})


def root_file(state: Path, root: str) -> Path:
    """Where the certificate of a root is."""
    return state / FOLDER / f"root-{root}.pem"


def server_context(bench: Bench, role: Role) -> ssl.SSLContext:
    """TLS for the listening end of the line; it asks for the other end's certificate, too."""
    return _of_unit(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), bench, role)


def client_context(bench: Bench, role: Role) -> ssl.SSLContext:
    """TLS for the connecting end of the line."""
    return _of_unit(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), bench, role)


def telephones_context(bench: Bench, role: Role) -> ssl.SSLContext:
    """TLS for the unit's registrar. Telephones show no certificate; whoever has the state can read what they say."""
    context = _common(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.load_cert_chain(bench.state / FOLDER / f"{role.value}.pem")
    context.keylog_filename = str(bench.state / FOLDER / SESSIONS)
    return context


def telephone_context(bench: Bench) -> ssl.SSLContext:
    """TLS for a telephone of home: it trusts the root of its own system alone."""
    context = _common(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.load_verify_locations(root_file(bench.state, bench.inventory.systems[Role.HOME].certificate_root))
    return context


def _of_unit(context: ssl.SSLContext, bench: Bench, role: Role) -> ssl.SSLContext:
    """The units know each other, whoever signed their certificates."""
    _common(context)
    for root in roots_of(bench.inventory):
        context.load_verify_locations(root_file(bench.state, root))
    context.load_cert_chain(bench.state / FOLDER / f"{role.value}.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _common(context: ssl.SSLContext) -> ssl.SSLContext:
    # With TLS 1.2 alerts are records of a type of their own on the wire, and record sizes are predictable.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHER)
    context.options |= ssl.OP_NO_TICKET
    return context
