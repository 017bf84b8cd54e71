"""What Snakemake recorded of the results that are here: the spec that each was made with.

Results without a record, made by hand, count as made with the configuration at hand.
"""

import ast
import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path

from textback.specs import Spec

METADATA = Path(".snakemake") / "metadata"


def recorded_spec(path: Path) -> Spec | None:
    """The spec that a result was made with; None where there is no whole record of one."""
    if not METADATA.exists():
        return None
    try:
        record = json.loads(record_of(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # or it is being written
        return None
    return next(filter(None, map(_spec, record.get("params") or [])), None)


def record_of(path: Path) -> Path:
    """Where Snakemake keeps the record of a result: its name is the path in base64, in pieces as
    long as names may be, of which all but the last begin with @."""
    encoded = urlsafe_b64encode(str(path).encode()).decode()
    longest = os.pathconf(METADATA, "PC_NAME_MAX") - 1
    *folders, name = (encoded[i : i + longest] for i in range(0, len(encoded), longest))
    return METADATA.joinpath(*(f"@{folder}" for folder in folders), name)


def _spec(parameter: str) -> Spec | None:
    """Of a job's parameter, as Python writes it, the spec: JSON that has a recipe."""
    try:
        spec = json.loads(ast.literal_eval(parameter))
    except (ValueError, SyntaxError, TypeError):
        return None
    return spec if isinstance(spec, dict) and "recipe" in spec else None
