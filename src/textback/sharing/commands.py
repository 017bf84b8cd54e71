"""The commands that let results change machines. They need neither torch nor a model.

textback export --config config/reference.yaml reference.tar.gz
textback import --config config/reference.yaml reference.tar.gz
"""

from pathlib import Path
from typing import Annotated

import typer

from textback.counted import counted
from textback.errors import TextbackError
from textback.options import ConfigFiles, configured_study
from textback.progress import log

app = typer.Typer()


@app.command("export")
def export_cells(
    archive: Annotated[Path, typer.Argument(dir_okay=False, help="The .tar.gz to write.")],
    config: ConfigFiles = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Of these parts of the study alone; several, too.")
    ] = None,
    texts: Annotated[int, typer.Option(min=2, help="Texts of every trace, in all rounds.")] = 40,
) -> None:
    """Pack the finished cells of a study for another machine, without their weights."""
    from textback.config import parts
    from textback.sharing.packing import pack

    if not archive.name.endswith((".tar.gz", ".tgz")):
        raise TextbackError(f"archive {archive}: call it something.tar.gz, which it will be")
    study = configured_study(config)
    if part:
        study = study.model_copy(update={"use_parts": part})
    parts(study)
    packed = pack(study, archive, texts)
    size = archive.stat().st_size / 1e6
    cells = counted(len(packed.cells), "cell")
    log.info("%s: %s of study %s, %.1f MB", archive, cells, study.study, size)
    if packed.unfinished:
        of_part, cell = packed.unfinished[0]
        left = counted(len(packed.unfinished), "cell")
        log.info("left out as unfinished: %s, the first %s of part %s", left, cell, of_part)


@app.command("import")
def import_cells(
    archive: Annotated[
        Path, typer.Argument(help="What export wrote, or the folder it unpacks to.")
    ],
    config: ConfigFiles = None,
) -> None:
    """Take the cells of an archive into a study, where each was made as the study says."""
    from textback.sharing.unpacking import take

    taken = take(configured_study(config), archive)
    cells = counted(len(taken.cells), "cell")
    log.info("%s: %s of study %s imported", archive, cells, taken.study)
