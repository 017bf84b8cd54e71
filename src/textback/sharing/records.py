"""What Snakemake recorded of the results that are here: the spec that each was made with.

A configuration that changed since would otherwise be packed as theirs. Results without a record,
made by hand, count as made with the configuration at hand.
"""

import ast
import json
from base64 import urlsafe_b64decode
from pathlib import Path

from textback.specs import Spec

METADATA = Path(".snakemake") / "metadata"


def recorded_specs() -> dict[Path, Spec]:
    """The specs of this folder's results, by their paths."""
    found = {}
    for record in METADATA.rglob("*"):
        if record.is_file() and (spec := _spec(record)) is not None:
            found[_path(record)] = spec
    return found


def _path(record: Path) -> Path:
    """Its name is the path in base64, which long ones continue in folders that begin with @."""
    encoded = "".join(part.removeprefix("@") for part in record.relative_to(METADATA).parts)
    return Path(urlsafe_b64decode(encoded).decode())


def _spec(record: Path) -> Spec | None:
    """Of a job's parameters, each as Python writes it, the spec: JSON that has a recipe."""
    for parameter in json.loads(record.read_text(encoding="utf-8")).get("params") or []:
        try:
            spec = json.loads(ast.literal_eval(parameter))
        except (ValueError, SyntaxError, TypeError):
            continue
        if isinstance(spec, dict) and "recipe" in spec:
            return spec
    return None
