"""Reading a configuration: mistakes end in one line that names the key and the way out."""

import json
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import yaml
from pydantic import ValidationError

from textback.config.checks import check_study
from textback.config.study import Study
from textback.errors import TextbackError, unknown_name


def read_study(config: dict[str, Any]) -> Study:
    """Check a configuration and return it typed.

    Raises TextbackError, one line, at the first key or value that cannot be meant so.
    """
    try:
        study = Study.model_validate(config)
    except ValidationError as error:
        raise _one_line(error) from None
    check_study(study)
    return study


def read_study_file(path: Path, *over: Path) -> Study:
    """Read a study's YAML file, and others over it as Snakemake does: its lists are replaced.

    Raises TextbackError where one is missing or no YAML mapping.
    """
    config = _read_yaml(path)
    for file in over:
        config = _merged(config, _read_yaml(file))
    return read_study(config)


def _merged(config: Any, over: Any) -> Any:
    """One configuration read over another: mappings key by key, anything else replaced."""
    if not isinstance(config, dict) or not isinstance(over, dict):
        return over
    return config | {key: _merged(config.get(key), value) for key, value in over.items()}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TextbackError(f"config file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TextbackError(f"config file {path}: not UTF-8: convert the file") from None
    try:
        config = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise TextbackError(
            f"config file {path}: not YAML: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(config, dict):
        raise TextbackError(
            f"config file {path}: holds no keys: write some, e.g. 'study: mine' (see "
            "config/README.md)"
        )
    return config


def canonical(spec: Any) -> str:
    """A JSON text that is equal for equal specs: keys sorted, no spaces.

    Snakemake compares it as a job's parameter, so reordering a config reruns nothing.
    """
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a study's configuration."""
    return Study.model_json_schema()


def _one_line(error: ValidationError) -> TextbackError:
    # A misspelt key before the key that is missed for it.
    first, *others = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    more = f" (and {len(others)} more)" if others else ""
    path, siblings = _place(first["loc"])
    kind = first["type"]
    if kind == "extra_forbidden":
        message = str(unknown_name("config key", path, siblings))
    elif kind == "missing":
        message = f"config key '{path}' is missing: add it (see config/README.md)"
    elif kind == "union_tag_not_found":
        message = f"config key '{path}.kind' is missing: add it (see config/README.md)"
    elif kind == "union_tag_invalid":
        known = [tag.strip("' ") for tag in first["ctx"]["expected_tags"].split(",")]
        message = f"{path}: {unknown_name('kind', first['ctx']['tag'], known)}"
    else:
        message = f"config key '{path}': {first['msg']}, but it is {first['input']!r}"
    return TextbackError(message + more)


def _place(loc: tuple[int | str, ...]) -> tuple[str, list[str]]:
    """The path of an error as a user writes it, and the valid keys beside its last part.

    pydantic's own path also holds the kind of a catalogue's entry, and a mark at a mapping's key.
    """
    model: Any = Study
    path: list[str] = []
    for part in loc:
        if part == "[key]":
            continue
        kinds = _kinds(model)
        if part in kinds:
            model = kinds[str(part)]
            continue
        siblings = [".".join([*path, name]) for name in getattr(model, "model_fields", {})]
        path.append(str(part))
        model = _below(model, str(part))
    return ".".join(path), siblings


def _kinds(model: Any) -> dict[str, Any]:
    """The classes of a catalogue's entries by their kind; none where it has no kinds."""
    if get_origin(model) is not Annotated:
        return {}
    members = get_args(get_args(model)[0])
    return {get_args(member.model_fields["kind"].annotation)[0]: member for member in members}


def _below(model: Any, part: str) -> Any:
    """The type of a section's key, of a mapping's value or of a list's; of `X | None` it is X."""
    if get_origin(model) in (dict, list):
        return get_args(model)[-1]
    fields = getattr(model, "model_fields", {})
    found = fields[part].annotation if part in fields else None
    some = [kind for kind in get_args(found) if kind is not NoneType]
    return some[0] if NoneType in get_args(found) and len(some) == 1 else found
