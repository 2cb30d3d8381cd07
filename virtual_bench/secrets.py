"""The secrets of a virtual bench: random, made anew by each `bench up`, kept in its state."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.base.secrets import SecretRef
from virtual_bench.state import SECRETS


def make_secrets(state: Path, inventory: BaseModel) -> None:
    """Write a secret to each file under `state`/secrets that the inventory refers to, for its owner alone."""
    folder = state / SECRETS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted({ref.file for ref in references(inventory) if ref.file is not None}):
        if path.parent == folder:
            _write(path, secrets.token_urlsafe(12))


def references(value: Any) -> Iterator[SecretRef]:
    """Every reference to a secret in a model, its mappings and sequences."""
    if isinstance(value, SecretRef):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from references(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def _write(path: Path, value: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(value)
