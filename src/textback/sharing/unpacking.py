"""Take the cells of an archive into a study: all of them after every check, or none."""

import tarfile
import zlib
from pathlib import Path
from shutil import rmtree

from textback.cells import RESULTS, Cell
from textback.config import Study
from textback.errors import TextbackError
from textback.locks import locked
from textback.products import PartCell, part_cells
from textback.sharing import manifest
from textback.sharing.manifest import Manifest, sha256
from textback.sharing.places import IMPORTED, archives, imported, look_again
from textback.table import SCHEMA, score_path

Contents = dict[str, bytes]  # of files, by their paths


def take(study: Study, source: Path) -> Manifest:
    """Import an archive: a file, or the folder that one was unpacked into.

    Raises TextbackError, and imports nothing, where it is not whole, was made with another recipe
    or configuration than the study has, or holds a cell that is finished here already.
    """
    described, contents = read_archive(source)
    _check_kind(source, described, study)
    _check_whole(source, described, contents)
    cells = manifest.find_cells(source, described, study)
    files = {
        str(path)
        for packed, cell in cells.items()
        for product in manifest.check_specs(source, described, study, packed.part, cell)
        for path in product.files
    }
    with locked(RESULTS / ".state"):
        _check_new(source, study, cells)
        _move_in(study, {name: contents[name] for name in [manifest.NAME, *sorted(files)]})
    return described


def check_imported(study: Study) -> None:
    """Raise TextbackError where the study has changed since an archive was imported into it."""
    folders = archives(study.study)
    known = part_cells(study) if folders else {}
    for folder in folders:
        described = manifest.read(folder, (folder / manifest.NAME).read_bytes())
        for packed in described.part_cells():
            if packed in known:
                manifest.check_specs(folder, described, study, packed.part, known[packed])


def read_archive(source: Path) -> tuple[Manifest, Contents]:
    """An archive's manifest, and the files that are there. Raises TextbackError as `take` does."""
    if not source.exists():
        raise TextbackError(f"archive {source}: does not exist: give what `textback export` wrote")
    try:
        contents = _of_folder(source) if source.is_dir() else _of_tar(source)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise TextbackError(
            f"archive {source}: cannot be read to its end ({error}): copy it again"
        ) from None
    if manifest.NAME not in contents:
        raise TextbackError(
            f"archive {source}: has no {manifest.NAME}: give what `textback export` wrote"
        )
    return manifest.read(source, contents[manifest.NAME]), contents


def _of_folder(source: Path) -> Contents:
    files = (path for path in source.rglob("*") if path.is_file())
    return {str(path.relative_to(source)): path.read_bytes() for path in files}


def _of_tar(source: Path) -> Contents:
    with tarfile.open(source, "r:gz") as archive:
        members = [member for member in archive if member.isfile()]
        return {member.name: archive.extractfile(member).read() for member in members}


def _check_kind(source: Path, described: Manifest, study: Study) -> None:
    if described.study != study.study:
        raise TextbackError(
            f"archive {source}: is of study '{described.study}', not of '{study.study}': give "
            "--config as it was exported with"
        )
    if described.tables != SCHEMA:
        raise TextbackError(
            f"archive {source}: its tables have schema {described.tables}, but those of this "
            f"textback {SCHEMA}: use the textback that it was made with"
        )


def _check_whole(source: Path, described: Manifest, contents: Contents) -> None:
    for name, expected in described.files().items():
        if name not in contents:
            raise TextbackError(f"archive {source}: half copied, {name} is missing: copy it again")
        if sha256(contents[name]) != expected:
            raise TextbackError(f"archive {source}: {name} has another sha256: copy it again")


def _check_new(source: Path, study: Study, cells: dict[PartCell, Cell]) -> None:
    for packed, cell in cells.items():
        scores = score_path(study.study, packed.part, cell)
        if scores.exists():
            way_out = (
                f"delete {_archive_of(scores)} to take this one instead"
                if imported(scores)
                else "export the others alone, with --part"
            )
            raise TextbackError(
                f"archive {source}: {packed} is here already, nothing was imported: {way_out}"
            )


def _archive_of(path: Path) -> Path:
    """The folder of the archive that a path lies in."""
    return Path(*path.parts[: len(IMPORTED.parts) + 2])


def _move_in(study: Study, contents: Contents) -> None:
    """Write a folder beside its place, and rename it: it is there with all its files, or not."""
    place = IMPORTED / study.study / sha256(contents[manifest.NAME])[:12]
    unfinished = IMPORTED / f".{place.name}.part"
    try:
        rmtree(unfinished, ignore_errors=True)
        for name, content in contents.items():
            path = unfinished / Path(name).relative_to(RESULTS if name != manifest.NAME else "")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished.rename(place)
        look_again()
    except OSError as error:
        raise TextbackError(
            f"{place}: cannot be written ({error.strerror}): free some space or change the "
            "folder's rights, then import again"
        ) from None
    finally:
        rmtree(unfinished, ignore_errors=True)
