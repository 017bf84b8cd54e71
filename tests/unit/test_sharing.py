"""Archives of finished cells: what they hold, and that a wrong one changes nothing."""

import json
import re
import tarfile
from functools import partial
from pathlib import Path

import finished_cells
import pandas as pd
import pytest

from textback import specs
from textback.cells import cells_of, grid, inversions
from textback.cli import main
from textback.config import parts
from textback.errors import TextbackError
from textback.plan.at_hand import needed
from textback.plan.jobs import jobs
from textback.sharing import packing, unpacking
from textback.sharing.packing import pack
from textback.sharing.places import place
from textback.sharing.unpacking import check_imported, take
from textback.table import SCHEMA, score_path

ARCHIVE = Path("cells.tar.gz")
CONFIG = Path(__file__).parents[2] / "config.yaml"


@pytest.fixture
def make_study(config):
    return partial(finished_cells.study_of, config)


@pytest.fixture
def study(make_study):
    return make_study()


@pytest.fixture
def there(monkeypatch, tmp_path):
    """Work in a folder of the other machine."""
    folder = tmp_path / "there"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def here(there, monkeypatch, tmp_path):
    """A function: from now on, work in a folder of this machine."""

    def go(name="here"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)

    return go


@pytest.fixture
def archive(study, there):
    """An archive of all cells of the study, two."""
    for cell in grid(study):
        finished_cells.make(study, cell)
    pack(study, ARCHIVE, texts=3)
    return there / ARCHIVE


@pytest.fixture
def unpacked(archive, tmp_path):
    """The folder that the archive unpacks to."""
    folder = tmp_path / "unpacked"
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def files_here() -> list[str]:
    found = (str(path) for path in Path().rglob("*") if path.is_file())
    return sorted(name for name in found if name != "results/.state/lock")


def refused(study, source) -> str:
    """The one line that an import ends in, having changed nothing."""
    before = files_here()
    with pytest.raises(TextbackError) as error:
        take(study, source)
    assert files_here() == before
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_archive_holds_no_weights_and_a_sample_of_every_trace(archive, unpacked, study):
    names = [path.name for path in unpacked.rglob("*") if path.is_file()]
    assert "history.csv" in names and "cosines.json" in names
    assert not [name for name in names if name.endswith(".safetensors")]
    for inversion in inversions(study):
        trace = pd.read_parquet(unpacked / inversion.trace)
        assert set(trace["text"]) == {0, 1, 2} and set(trace["round"]) == {0, 1}


def test_the_manifest_says_how_everything_was_made(archive, unpacked, study):
    said = json.loads((unpacked / "manifest.json").read_text())
    assert said["study"] == study.study and said["devices"] == [finished_cells.DEVICE]
    assert {"date", "textback", "tables"} <= set(said)
    recipes = [made["spec"]["recipe"] for made in said["products"].values()]
    assert recipes and all(isinstance(recipe, int) for recipe in recipes)


def test_an_unfinished_cell_is_left_out_and_named(study, there):
    first, second = grid(study)
    finished_cells.make(study, first)
    finished_cells.make(study, second)
    (second.folder / "corrector" / "costs.json").unlink()
    packed = pack(study, ARCHIVE, texts=3)
    assert packed.cells == [("main", str(first))]
    assert packed.unfinished == [("main", str(second))]


def test_without_a_finished_cell_no_archive_is_written(study, there):
    with pytest.raises(TextbackError, match="no cell is finished here"):
        pack(study, ARCHIVE, texts=3)
    assert not files_here()


def test_cells_made_with_another_configuration_are_not_packed_as_this_ones(
    archive, study, make_study
):
    cell = grid(study)[0]
    spec = specs.training(study, cell.inverter, "hypothesizer", cell.seed) | {"recipe": 1}
    finished_cells.record(cell.folder / "hypothesizer" / "costs.json", spec)
    with pytest.raises(TextbackError, match=r"hypothesizer/costs.json.*'recipe' \(1, here "):
        pack(study, ARCHIVE, texts=3)


def test_what_is_imported_is_found_in_place_of_what_is_not_here(archive, study, here):
    here()
    take(study, archive)
    for cell in grid(study):
        assert json.loads(score_path(study.study, "main", cell).read_text()) == {
            "mark": f"main {cell}"
        }
    missing = Path("results/cells/none/costs.json")
    assert place(study.study, missing) == missing


def test_the_archives_are_read_once_a_process_and_again_after_an_import(
    archive, study, here, monkeypatch
):
    here()
    found, read = Path.glob, []
    monkeypatch.setattr(Path, "glob", lambda *given: read.append(given) or found(*given))
    paths = [Path(f"results/cells/{i}/costs.json") for i in range(50)]
    assert [place(study.study, path) for path in paths] == paths and len(read) == 1
    take(study, archive)
    read.clear()
    scores = [score_path(study.study, "main", cell) for cell in grid(study)]
    assert all(path.is_relative_to("results/imported") for path in scores) and len(read) == 1


def test_an_imported_cell_needs_nothing_that_it_was_made_from(archive, make_study, here):
    """A study runs on with it where its embedder and its corpus are not."""
    here()
    take(make_study(), archive)
    assert [job.step for job in jobs(make_study())] == ["score", "score"]
    assert needed(make_study()) == []
    wider = jobs(make_study(lengths=[4, 8, 16]))
    assert {job.length for job in wider if job.step == "hypothesizer"} == {16}


def test_an_unpacked_archive_is_imported_too(unpacked, study, here):
    here()
    take(study, unpacked)
    assert all(score_path(study.study, "main", cell).exists() for cell in grid(study))


def test_archives_of_different_cells_add_up(study, make_study, there, here):
    for length in (4, 8):
        short = make_study(lengths=[length])
        finished_cells.make(short, grid(short)[0])
        pack(short, Path(f"{length}.tar.gz"), texts=3)
    here()
    take(study, there / "4.tar.gz")
    take(study, there / "8.tar.gz")
    assert all(score_path(study.study, "main", cell).exists() for cell in grid(study))


def test_imported_cells_are_exported_again(archive, study, here):
    here()
    take(study, archive)
    pack(study, ARCHIVE, texts=3)
    second = ARCHIVE.resolve()
    here("third")
    take(study, second)
    assert all(score_path(study.study, "main", cell).exists() for cell in grid(study))


def test_a_cell_of_two_parts_is_imported_for_the_part_that_was_finished(make_study, there, here):
    study = make_study(parts={"greedy": {"beams": [1]}, "wide": {"beams": [4]}}, lengths=[4])
    cell = grid(study)[0]
    finished_cells.make(study, cell, "greedy")
    pack(study, ARCHIVE, texts=3)
    here()
    take(study, there / ARCHIVE)
    assert score_path(study.study, "greedy", cell).exists()
    assert not score_path(study.study, "wide", cell).exists()


def test_a_cell_that_is_finished_here_is_not_imported_again(archive, study, here):
    here()
    take(study, archive)
    assert "is here already, nothing was imported: delete results/imported" in refused(
        study, archive
    )
    here("another")
    finished_cells.make(study, grid(study)[1])
    assert "is here already, nothing was imported: export the others" in refused(study, archive)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_half_copied_file_is_refused(archive, study, here, share):
    content = archive.read_bytes()
    here()
    half = Path("half.tar.gz")
    half.write_bytes(content[: int(len(content) * share)])
    assert re.search("cannot be read to its end .*copy it again", refused(study, half))


def test_a_half_copied_folder_is_refused(unpacked, study, here):
    here()
    next(unpacked.rglob("trace.parquet")).unlink()
    assert "half copied" in refused(study, unpacked)


def test_a_changed_file_is_refused(unpacked, study, here):
    here()
    next(unpacked.rglob("costs.json")).write_text("{}")
    assert "has another sha256" in refused(study, unpacked)


@pytest.mark.parametrize(
    "recipe", ["CORPUS_RECIPE", "EMBED_RECIPE", "TRAIN_RECIPE", "NEAREST_RECIPE", "SCORE_RECIPE"]
)
def test_an_archive_of_another_recipe_is_refused(archive, study, here, monkeypatch, recipe):
    here()
    monkeypatch.setattr(specs, recipe, 99)
    assert re.search(r"another 'recipe' \(\d+, here 99\)", refused(study, archive))


def test_an_archive_of_another_configuration_is_refused(archive, make_study, config, here):
    here()
    config["inverters"]["nano"]["hypothesizer"]["examples"] = 1000
    assert "hypothesizer/costs.json was made with another 'training'" in refused(
        make_study(), archive
    )
    config["inverters"]["nano"]["hypothesizer"]["examples"] = 56000
    assert "is not in study 'quickstart'" in refused(make_study(lengths=[4]), archive)
    assert "is of study 'quickstart', not of 'mine'" in refused(make_study(study="mine"), archive)
    assert "passages" in refused(make_study(evaluation={"passages": 300}), archive)


def test_an_archive_of_another_schema_or_format_is_refused(unpacked, study, here, monkeypatch):
    here()
    monkeypatch.setattr(unpacking, "SCHEMA", 99)
    assert f"its tables have schema {SCHEMA}, but those of this textback 99" in refused(
        study, unpacked
    )
    manifest = unpacked / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 7}))
    assert "is of format 7" in refused(study, unpacked)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 1}'])
def test_a_broken_manifest_is_refused(unpacked, study, here, content):
    here()
    (unpacked / "manifest.json").write_text(content)
    assert "broken manifest.json" in refused(study, unpacked)


def test_an_archive_that_is_not_there_is_one_line_and_no_usage(study, there, monkeypatch, capsys):
    assert "does not exist: give what" in refused(study, Path("none.tar.gz"))
    config = str(CONFIG)
    monkeypatch.setattr("sys.argv", ["textback", "import", "--config", config, "none.tar.gz"])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 1 and len(said.splitlines()) == 1
    assert said.startswith("textback: error: archive none.tar.gz: does not exist")


def test_what_is_no_archive_is_refused(study, there):
    (there / "empty").mkdir()
    assert "has no manifest.json" in refused(study, Path("empty"))
    Path("text.tar.gz").write_text("not an archive")
    assert "cannot be read to its end" in refused(study, Path("text.tar.gz"))


def test_a_manifest_cannot_place_files_elsewhere(unpacked, study, here):
    here()
    manifest = unpacked / "manifest.json"
    said = json.loads(manifest.read_text())
    (unpacked / "evil").write_text("evil")
    made = next(iter(said["products"].values()))
    made["files"]["results/../../evil"] = packing.manifest.sha256(b"evil")
    manifest.write_text(json.dumps(said))
    (unpacked / "results/../../evil").write_text("evil")
    refused(study, unpacked)


def test_a_disk_that_fails_leaves_nothing_behind(archive, study, here, monkeypatch):
    here()

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert "No space left on device" in refused(study, archive)


def test_a_study_that_changes_after_an_import_says_so(archive, config, study, make_study, here):
    here()
    take(study, archive)
    check_imported(study)
    check_imported(make_study(lengths=[4]))
    with pytest.raises(TextbackError, match=r"results/imported/quickstart/\w+: .*'resamples'"):
        check_imported(make_study(evaluation=config["evaluation"] | {"resamples": 7}))


def test_the_parts_of_an_archive_are_the_studys(make_study, there):
    study = make_study(parts={"a": {"lengths": [4]}, "b": {"lengths": [8]}})
    for name, part in parts(study).items():
        for cell in cells_of(part):
            finished_cells.make(study, cell, name)
    narrowed = study.model_copy(update={"use_parts": ["b"]})
    assert [name for name, _ in pack(narrowed, ARCHIVE, texts=3).cells] == ["b"]
