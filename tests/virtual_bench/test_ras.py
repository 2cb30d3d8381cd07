import pytest

from virtual_bench.ras import (
    PROTOCOL,
    Ras,
    alias_of,
    decode,
    encode,
    extension_in,
    name_of,
    password_fits,
    password_token,
    terminal,
    transport_address,
)

HERE = ("10.77.3.103", 1719)


def discovery(*aliases: tuple[str, str]) -> Ras:
    body = {
        "requestSeqNum": 7,
        "protocolIdentifier": PROTOCOL,
        "rasAddress": transport_address(HERE),
        "endpointType": terminal("Avaya 9641G"),
        "endpointAlias": list(aliases),
        "supportsAltGK": 0,
    }
    return Ras("gatekeeperRequest", body)


def test_a_message_survives_its_encoding() -> None:
    message = decode(encode(discovery(alias_of("303"), name_of("Cleo"))))
    assert (message.kind, message.number) == ("gatekeeperRequest", 7)
    assert extension_in(message.body["endpointAlias"]) == "303"


def test_what_the_encoder_gets_wrong_is_never_sent() -> None:
    with pytest.raises(ValueError, match=r"RAS|survive"):
        encode(discovery(alias_of("303")))


def test_noise_is_no_message() -> None:
    with pytest.raises(ValueError, match="not a RAS message"):
        decode(b"\xff\xff\xff")


def test_only_the_password_of_that_extension_fits() -> None:
    token = password_token("303", "secret")
    assert password_fits([token], "303", "secret")
    assert not password_fits([token], "303", "guess")
    assert not password_fits([token], "304", "secret")
    assert not password_fits(None, "303", "secret")
