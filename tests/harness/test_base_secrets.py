from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from harness.base.errors import ConfigurationFault
from harness.base.secrets import MASK, SecretRef, mask, register


class Holder(BaseModel):
    password: SecretRef


def test_what_was_resolved_is_masked_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_SECRET", "resolved-value\n")
    assert SecretRef(env="BASE_SECRET").resolve() == "resolved-value"
    assert mask("it is resolved-value, twice: resolved-value") == f"it is {MASK}, twice: {MASK}"


def test_a_secret_within_a_longer_one_does_not_uncover_it() -> None:
    register("inner-part")
    register(SecretStr("the-inner-part-and-more"))
    assert mask("the-inner-part-and-more") == MASK


def test_a_value_in_place_of_a_reference_is_refused_without_quoting_it() -> None:
    with pytest.raises(ValidationError) as refused:
        Holder.model_validate({"password": "clear-text-value"})
    told = str(refused.value.errors(include_input=False))
    assert "a secret in clear text is refused" in told
    assert "clear-text-value" not in told


@pytest.mark.parametrize("reference", [{}, {"env": "A", "file": "/b"}])
def test_a_reference_names_exactly_one_place(reference: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        SecretRef.model_validate(reference)


def test_a_file_must_be_the_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("in-a-file")
    file.chmod(0o644)
    with pytest.raises(ConfigurationFault, match="can be read by others"):
        SecretRef(file=file).resolve()
    file.chmod(0o600)
    assert SecretRef(file=file).resolve() == "in-a-file"


def test_what_is_missing_or_empty_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    with pytest.raises(ConfigurationFault, match="NO_SUCH_SECRET is not set"):
        SecretRef(env="NO_SUCH_SECRET").resolve()
    with pytest.raises(ConfigurationFault, match="cannot be read"):
        SecretRef(file=tmp_path / "none").resolve()
    monkeypatch.setenv("EMPTY_SECRET", " ")
    with pytest.raises(ConfigurationFault, match="env:EMPTY_SECRET is empty"):
        SecretRef(env="EMPTY_SECRET").resolve()
