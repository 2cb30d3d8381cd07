"""The catalogue of telephones: what each model does on the wire and how often, as data with sources."""

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML


class Protocol(StrEnum):
    """What a telephone registers with."""

    SIP = "sip"
    H323 = "h323"


class Model(BaseModel):
    """One model of telephone. All periods are bench seconds and upper bounds for judging.

    `clause`: the clause of the specification that is about its family.
    `refresh`: longest time between two confirmations of a registration. `loss_detected_within`:
    longest time from the last answer of its system to the phone knowing that it is gone.
    `retry_min`, `retry_max`: time between two tries at the same system while it has none.
    `boot`: from power to the first registration attempt, at most.
    `portal`: it registers through a one-X Portal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    clause: str
    protocol: Protocol
    kind: Literal["physical", "soft", "base"]
    refresh: float = Field(gt=0)
    loss_detected_within: float = Field(gt=0)
    retry_min: float = Field(gt=0)
    retry_max: float = Field(gt=0)
    boot: float = Field(gt=0)
    portal: bool = False
    sson: int | None = Field(default=None, ge=128, le=254)
    media_preservation: bool = False
    user_agent: str
    wire: Literal["documented", "assumed"]
    source: str


@cache
def catalogue() -> dict[str, Model]:
    """Every known model by its name, from `telephones.yaml` beside this module."""
    data = YAML(typ="safe").load((files(__package__) / "telephones.yaml").read_text())
    families = data["families"]
    return {
        str(name): Model.model_validate({**families[entry["family"]], **entry})
        for name, entry in data["models"].items()
    }
