"""Reading an inventory file: extends, placeholders, and errors that name file, line and field."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from harness.base.errors import ConfigurationFault
from harness.inventory.consistency import Finding, findings
from harness.inventory.models import Inventory

Place = tuple[str | int, ...]
"""Where in a file something stands: keys and indices from the top."""


@dataclass
class _Source:
    """The merged data of a file and of what it extends, and where each value was written."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Place, tuple[Path, int]] = field(default_factory=dict)

    def where(self, place: Place) -> tuple[Path | None, int]:
        """File and line (from 1) of `place`, or of the nearest thing around it."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.places:
                return self.places[place[:length]]
        return None, 0


def load_inventory(path: Path, state: Path) -> Inventory:
    """The bench that `path` describes, `${state}` in it standing for the folder `state`.

    Raises ConfigurationFault that lists every fault with file, line, field and what was expected.
    """
    source = _Source()
    _read(path, source, ())
    try:
        inventory = Inventory.model_validate(_expanded(source.data, state))
    except ValidationError as error:
        raise _fault(path, source, [_finding(problem) for problem in error.errors(include_input=False)]) from None
    faults = findings(inventory)
    if faults:
        raise _fault(path, source, faults)
    return inventory


def _read(path: Path, source: _Source, seen: tuple[Path, ...]) -> None:
    if path.resolve() in seen:
        raise ConfigurationFault(f"{path} extends itself.", next_step="take one 'extends' out.")
    try:
        data = YAML(typ="rt").load(path.read_text())
    except OSError as error:
        raise ConfigurationFault(f"{path} cannot be read ({error.strerror}).", next_step="check the name.") from None
    except UnicodeDecodeError:
        raise ConfigurationFault(f"{path} is not UTF-8 text.", next_step="name a YAML file.") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigurationFault(
            f"{path}:{line}: this is not YAML ({_without_values(str(error.problem))}).", next_step="mend the line."
        ) from None
    if not isinstance(data, CommentedMap):
        raise ConfigurationFault(f"{path} does not describe a bench.", next_step="begin with 'bench: NAME'.")
    parent = data.pop("extends", None)
    if parent is not None:
        _read(path.parent / str(parent), source, (*seen, path.resolve()))
    source.places.setdefault((), (path, 1))
    _merge(source.data, data, source, path, ())


def _merge(onto: dict[str, Any], data: CommentedMap, source: _Source, path: Path, place: Place) -> None:
    """Lay `data` over `onto`: mappings merge, anything else replaces; null takes a key out."""
    for key, value in data.items():
        here = (*place, key)
        source.places[here] = (
            path,
            data.lc.value(key)[0] + 1 if not isinstance(value, CommentedMap) else data.lc.key(key)[0] + 1,
        )
        if value is None and key in onto:
            del onto[key]
        elif isinstance(value, CommentedMap):
            target = onto.get(key)
            onto[key] = target if isinstance(target, dict) else {}
            _merge(onto[key], value, source, path, here)
        else:
            onto[key] = _plain(value, source, path, here)


def _plain(value: Any, source: _Source, path: Path, place: Place) -> Any:
    if isinstance(value, CommentedSeq):
        items = []
        for index, item in enumerate(value):
            source.places[(*place, index)] = (path, value.lc.item(index)[0] + 1)
            items.append(_plain(item, source, path, (*place, index)))
        return items
    if isinstance(value, CommentedMap):
        result: dict[str, Any] = {}
        _merge(result, value, source, path, place)
        return result
    return value


def _expanded(value: Any, state: Path) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, state) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, state) for item in value]
    return value.replace("${state}", str(state)) if isinstance(value, str) else value


def _without_values(problem: str) -> str:
    """What the YAML reader says, without what it quotes from the file, which might be a secret."""
    return re.sub(r"'[^'<][^']+'", "'…'", problem.partition(" with value ")[0])


def _finding(problem: Any) -> Finding:
    """A pydantic error as a finding; its input is never shown, since it might be a secret."""
    place = tuple(part for part in problem["loc"] if part != "[key]")
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "there is no such field"
    if problem["type"] == "missing":
        message = "this field is missing"
    return Finding(place, message)


def _fault(path: Path, source: _Source, faults: list[Finding]) -> ConfigurationFault:
    lines = []
    for fault in faults:
        file, line = source.where(fault.place)
        lines.append(f"{file or path}:{line}: {'.'.join(map(str, fault.place))}: {fault.expected}.")
    return ConfigurationFault("\n".join(lines), next_step="mend the inventory; `bench inventory check FILE` checks it.")
