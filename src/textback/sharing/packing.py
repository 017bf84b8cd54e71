"""Pack a study's finished cells, without their weights, into an archive of a few megabytes."""

import io
import json
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from textback.config import Study, canonical
from textback.errors import TextbackError
from textback.files import read_json, read_table, replacing
from textback.products import PartCell, Product, part_cells, products
from textback.records import recorded_spec
from textback.sharing import manifest
from textback.sharing.manifest import FORMAT, Manifest
from textback.sharing.places import imported, place
from textback.table import SCHEMA


def pack(study: Study, output: Path, texts: int) -> Manifest:
    """Write the archive of a study's finished cells; texts: how many of every trace.

    Raises TextbackError where none is finished, or one was made with another configuration.
    """
    finished, unfinished = _sorted(study)
    if not finished:
        raise TextbackError(
            f"study '{study.study}': no cell is finished here: run snakemake with its configuration"
        )
    found = {p.made: p for made in finished.values() for p in made}
    _check_records(study, found.values())
    paths = sorted({path for product in found.values() for path in product.files})
    contents = {path: _content(place(study.study, path), texts) for path in paths}
    described = Manifest(
        format=FORMAT,
        tables=SCHEMA,
        textback=version("textback"),
        study=study.study,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        texts=texts,
        devices=_devices(study, paths),
        cells=[(packed.part, packed.cell) for packed in finished],
        unfinished=[(left.part, left.cell) for left in unfinished],
        products={str(made): manifest.listed(p, contents) for made, p in found.items()},
    )
    _write(output, described, contents)
    return described


def _sorted(study: Study) -> tuple[dict[PartCell, list[Product]], list[PartCell]]:
    """The finished cells with their products, and the unfinished ones."""
    finished, unfinished = {}, []
    for packed, cell in part_cells(study).items():
        made = products(study, packed.part, cell)
        files = (place(study.study, path) for product in made for path in product.files)
        if all(path.exists() for path in files):
            finished[packed] = made
        else:
            unfinished.append(packed)
    return finished, unfinished


def _check_records(study: Study, found: Iterable[Product]) -> None:
    for product in found:
        spec = recorded_spec(product.made) or product.spec
        here = not imported(place(study.study, product.made))
        if here and canonical(spec) != canonical(product.spec):
            raise TextbackError(
                f"{product.made}: was made with another "
                f"{manifest.difference(spec, product.spec)} than study '{study.study}' has: run "
                "snakemake with its configuration first"
            )


def _content(path: Path, texts: int) -> bytes:
    """What is packed of a file: of a trace its first texts, which are a random draw; else all."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    trace = read_table(path)
    content = io.BytesIO()
    trace[trace["text"] < texts].to_parquet(content, compression="zstd", index=False)
    return content.getvalue()


def _devices(study: Study, paths: list[Path]) -> list[str]:
    """Where the packed costs arose."""
    costs = [place(study.study, path) for path in paths if path.name == "costs.json"]
    return sorted({read_json(path)["device"] for path in costs})


def _write(output: Path, described: Manifest, contents: dict[Path, bytes]) -> None:
    said = json.dumps(described.model_dump(), indent=1, sort_keys=True).encode()
    with replacing(output) as temporary, tarfile.open(temporary, "w:gz") as archive:
        _add(archive, manifest.NAME, said)
        for path, content in contents.items():
            _add(archive, str(path), content)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
