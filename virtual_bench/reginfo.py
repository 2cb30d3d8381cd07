"""Registration information as XML (RFC 3680): what a NOTIFY of the event `reg` carries."""

from xml.etree import ElementTree

TYPE = "application/reginfo+xml"
_NAMESPACE = "urn:ietf:params:xml:ns:reginfo"


def document(aor: str, contact: str, *, registered: bool) -> str:
    """The state of one address of record with its one contact."""
    state = "active" if registered else "terminated"
    root = ElementTree.Element("reginfo", xmlns=_NAMESPACE, version="0", state="full")
    registration = ElementTree.SubElement(root, "registration", aor=aor, id="r1", state=state)
    event = "registered" if registered else "deactivated"
    entry = ElementTree.SubElement(registration, "contact", id="c1", state=state, event=event)
    ElementTree.SubElement(entry, "uri").text = contact
    return '<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode")


def is_deactivated(body: bytes) -> bool:
    """Whether the document says that a registration has been ended and should be made anew elsewhere.

    Raises ValueError for a body that is no such document.
    """
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise ValueError(f"not registration information: {error}") from None
    contacts = root.iter(f"{{{_NAMESPACE}}}contact")
    return any(contact.get("state") == "terminated" and contact.get("event") == "deactivated" for contact in contacts)
