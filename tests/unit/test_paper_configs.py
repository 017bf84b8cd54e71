"""The study of the paper, and its twin that runs anywhere."""

import re
from pathlib import Path

import pytest
import yaml

from textback.config import FIGURES, parts, read_study, read_study_file, used
from textback.errors import TextbackError
from textback.published.values import listed

ROOT = Path(__file__).parents[2]
PICKED = ("figure", "dataset", "method")


def study(name):
    return read_study_file(ROOT / "config.yaml", ROOT / "config" / f"{name}.yaml")


@pytest.fixture(scope="module")
def paper():
    return study("paper")


@pytest.fixture(scope="module")
def mini():
    return study("paper-mini")


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def test_the_twin_has_the_same_parts_and_figures(paper, mini):
    assert list(parts(paper)) == list(parts(mini))
    assert paper.figures == mini.figures


def test_the_twin_asks_the_same_of_every_part(paper, mini):
    for name, part in parts(paper).items():
        twin = parts(mini)[name]
        same = ("mode", "start", "rank", "parents")
        assert [getattr(twin.evaluation, key) for key in same] == [
            getattr(part.evaluation, key) for key in same
        ], name
        assert (twin.evaluation.rounds > 0) == (part.evaluation.rounds > 0), name
        assert twin.perturbations == part.perturbations, name
        for axis in ("beams", "target_lengths"):
            assert len(getattr(twin, axis)) == len(getattr(part, axis)), (name, axis)
        assert bool(twin.target_corpora) == bool(part.target_corpora), name
        assert bool(twin.use_retrieval_sets) == bool(part.use_retrieval_sets), name


def test_the_twin_compares_the_same_published_figures_in_every_part(paper, mini):
    for name, part in parts(paper).items():
        compared = {entry.figure for entry in part.published}
        assert {entry.figure for entry in parts(mini)[name].published} == compared, name


def test_the_twin_judges_nothing(mini):
    entries = [entry for part in parts(mini).values() for entry in part.published]
    assert entries and all(entry.stand_in is not None for entry in entries)
    assert not set(used(mini, "use_embedders")) & set(listed()["embedder"])


def test_every_published_figure_but_mimic_is_rerun_by_some_part(paper):
    rerun = {entry.figure for part in parts(paper).values() for entry in part.published}
    assert rerun == set(listed()["figure"]) - {"mimic"}


def test_the_papers_settings_have_the_published_names(paper):
    published = listed()
    embedders = set(used(paper, "use_embedders")) - {"bag-of-words"}
    assert embedders == set(published["embedder"])
    assert set(used(paper, "use_corpora")) <= set(published["dataset"])
    others = {name.removeprefix("beir-") for name in used(paper, "target_corpora")}
    known = set(published["dataset"].str.replace("_", "-"))
    assert others - known == {"cqadupstack-android"}


def test_every_figure_of_the_paper_has_a_caption_and_a_place_in_the_docs(paper):
    captions = (ROOT / "workflow" / "report" / "figure.rst").read_text()
    page = (ROOT / "docs" / "paper.md").read_text()
    for figure in paper.figures:
        assert f'== "{figure}"' in captions, figure
        assert f"`{figure}`" in page, figure


def test_every_part_of_the_paper_is_in_the_docs(paper):
    page = (ROOT / "docs" / "paper.md").read_text()
    assert set(re.findall(r"`([a-z0-9-]+)`", page)) >= set(parts(paper))


@pytest.mark.parametrize("figure", [name for name, shown in FIGURES.items() if shown.varies])
def test_a_figure_that_compares_what_a_study_has_one_of_ends_before_anything_runs(figure, config):
    config |= {"figures": [figure], "use_retrieval_sets": ["scifact"]}
    with pytest.raises(TextbackError, match=f"figure '{figure}' .* needs .*leave") as error:
        read_study(config)
    assert FIGURES[figure].varies in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("figure", "changes"),
    [
        ("starts", {"evaluation": {"start": "the"}}),
        ("beam_grid", {"evaluation": {"mode": "paper"}}),
        ("out_of_domain", {"target_corpora": ["state-of-the-union", "wiki"]}),
        ("length_mismatch", {"target_lengths": [16]}),
        ("noise_levels", {"perturbations": ["none", "gaussian:0.1"]}),
        ("leakage_perturbation", {"perturbations": ["none", "int8"]}),
        ("published_results", {"published": [{"figure": "table1"}]}),
    ],
)
def test_a_part_that_adds_what_a_figure_compares_is_enough(figure, changes, config):
    config["corpora"]["wiki"] = config["corpora"]["state-of-the-union"]
    config |= {"figures": [figure], "use_retrieval_sets": ["scifact"]}
    read_study(config | {"parts": {"plain": {}, "other": changes}})


@pytest.mark.parametrize(
    ("figure", "changes"),
    [
        ("starts", {"use_corpora": ["wiki"], "evaluation": {"start": "the"}}),
        ("beam_grid", {"use_corpora": ["wiki"], "evaluation": {"mode": "paper"}}),
        ("out_of_domain", {"use_corpora": ["wiki"], "target_corpora": ["state-of-the-union"]}),
        ("length_mismatch", {"lengths": [5], "target_lengths": [16]}),
        ("leakage_perturbation", {"target_lengths": [5], "perturbations": ["none", "int8"]}),
    ],
)
def test_what_a_figure_compares_must_be_of_the_same_cells(figure, changes, config):
    config["corpora"]["wiki"] = config["corpora"]["state-of-the-union"]
    config |= {"figures": [figure], "use_retrieval_sets": ["scifact"]}
    with pytest.raises(TextbackError, match=f"figure '{figure}' compares what the study has only"):
        read_study(config | {"parts": {"plain": {}, "other": changes}})


@pytest.mark.parametrize("figure", ["by_round", "worked_example", "entity_recall"])
def test_a_figure_of_own_texts_needs_a_part_that_inverts_them(figure, config):
    config["corpora"]["wiki"] = config["corpora"]["state-of-the-union"]
    config |= {"figures": [figure, "recovered_bits"], "target_corpora": ["wiki"]}
    with pytest.raises(TextbackError, match=f"figure '{figure}' shows .* own test passages") as e:
        read_study(config)
    assert "\n" not in str(e.value)
    read_study(config | {"figures": ["recovered_bits"]})
    read_study(config | {"parts": {"own": {"target_corpora": []}, "other": {}}})


def test_an_entry_that_nobody_published_names_its_part_and_the_nearest(config):
    entry = {"figure": "table1", "dataset": "nqq"}
    config |= {"parts": {"mine": {"published": [entry]}}}
    with pytest.raises(TextbackError, match=r"part 'mine': unknown published dataset 'nqq': did"):
        read_study(config)


def test_a_misspelt_key_of_an_entry_is_named(config):
    config |= {"published": [{"figure": "table1", "datset": "nq"}]}
    with pytest.raises(TextbackError, match=r"published\.0\.datset'.*did you mean"):
        read_study(config)
    config |= {"published": [], "parts": {"a": {"published": [{"figure": "beir", "metod": "a"}]}}}
    with pytest.raises(TextbackError, match=r"did you mean 'parts\.a\.published\.0\.method'"):
        read_study(config)
