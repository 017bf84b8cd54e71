"""What an archive says of itself: its study and cells, and of every product its spec and files."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from textback.cells import Cell
from textback.config import Section, Study, canonical
from textback.errors import TextbackError
from textback.products import PartCell, Product, part_cells, products
from textback.specs import Spec

NAME = "manifest.json"
FORMAT = 1  # of archives


class Made(Section):
    """A product. spec: of the step that made it; files: their sha256, by their paths."""

    spec: dict[str, Any]
    files: dict[str, str]


class Manifest(Section):
    """An archive's. format: its own; tables: the schema of the tables its scores belong to.

    texts: in the sample of a trace; devices: where it was computed; unfinished: what was left out
    """

    format: int
    tables: int
    textback: str
    study: str
    date: str
    texts: int
    devices: list[str]
    cells: list[tuple[str, str]]
    unfinished: list[tuple[str, str]]
    products: dict[str, Made]

    def part_cells(self) -> list[PartCell]:
        """Its cells, each of a part."""
        return [PartCell(*names) for names in self.cells]

    def files(self) -> dict[str, str]:
        """The sha256 of every file."""
        return {name: sum_ for made in self.products.values() for name, sum_ in made.files.items()}


def read(source: Path, content: bytes) -> Manifest:
    """Read an archive's manifest. Raises TextbackError where it is none of this format."""
    try:
        said = json.loads(content)
        if isinstance(said, dict) and said.get("format") not in (None, FORMAT):
            raise TextbackError(
                f"archive {source}: is of format {said['format']}, but this textback reads "
                f"{FORMAT}: export it again with the same textback"
            )
        return Manifest.model_validate(said)
    except ValidationError as error:
        problem = f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}"
        raise TextbackError(f"archive {source}: broken {NAME} ({problem}): copy it again") from None
    except ValueError as error:
        raise TextbackError(f"archive {source}: broken {NAME} ({error}): copy it again") from None


def check_specs(
    source: Path, manifest: Manifest, study: Study, part: str, cell: Cell
) -> list[Product]:
    """The products of a cell, each of the spec that the study has.

    Raises TextbackError where one was made otherwise.
    """
    found = products(study, part, cell)
    for product in found:
        made = manifest.products.get(str(product.made))
        if made is None:
            raise TextbackError(
                f"archive {source}: lacks {product.made} of {PartCell(part, str(cell))}: its "
                f"configuration is another one than that of study '{study.study}': give --config "
                "as it was exported with"
            )
        if canonical(made.spec) != canonical(product.spec):
            raise TextbackError(
                f"archive {source}: {product.made} was made with another "
                f"{difference(made.spec, product.spec)} than study '{study.study}' has: use the "
                "configuration and the textback that it was made with"
            )
        if set(made.files) != set(map(str, product.files)):
            raise TextbackError(
                f"archive {source}: {product.made} comes with other files than this textback "
                "packs: export it again with the same textback"
            )
    return found


def find_cells(source: Path, manifest: Manifest, study: Study) -> dict[PartCell, Cell]:
    """An archive's cells. Raises TextbackError where one is not the study's."""
    known = part_cells(study)
    for packed in manifest.part_cells():
        if packed not in known:
            raise TextbackError(
                f"archive {source}: {packed} is not in study '{study.study}': give --config as it "
                "was exported with"
            )
    return {packed: known[packed] for packed in manifest.part_cells()}


def difference(there: Spec, here: Spec) -> str:
    """Where two specs differ, as messages say it: `recipe (2, here 3)`, or the key."""
    key = min(k for k in {*there, *here} if there.get(k) != here.get(k))
    values = there.get(key), here.get(key)
    if all(isinstance(value, (int, str, float)) for value in values):
        return f"'{key}' ({values[0]}, here {values[1]})"
    return f"'{key}'"


def sha256(content: bytes) -> str:
    """Of a file's content."""
    return hashlib.sha256(content).hexdigest()


def listed(product: Product, contents: dict[Path, bytes]) -> Made:
    """A product as a manifest lists it."""
    files = {str(path): sha256(contents[path]) for path in product.files}
    return Made(spec=product.spec, files=files)
