"""The configuration, the grid, and what each step is told of them."""

import copy
import json
import re
import tomllib
from itertools import product
from pathlib import Path

import pytest
import yaml

from textback import specs
from textback.cells import Cell, Reduction, grid, retrievals
from textback.config import (
    FIGURES,
    METRICS,
    canonical,
    json_schema,
    read_study,
    read_study_file,
    study_warnings,
)
from textback.errors import TextbackError
from textback.options import configured_study

ROOT = Path(__file__).parents[2]


def test_the_default_study_is_valid_and_has_its_four_cells(config):
    cells = list(grid(read_study(config)))
    assert [(c.length, str(c.reduction)) for c in cells] == [
        (4, "native"),
        (4, "pca64"),
        (8, "native"),
        (8, "pca64"),
    ]


def test_native_has_no_dimension_to_choose_and_other_reductions_have_each(config):
    config |= {"reductions": ["native", "pca"], "dimensions": [16, 64], "lengths": [4]}
    assert [str(c.reduction) for c in grid(read_study(config))] == ["native", "pca16", "pca64"]


def test_a_cells_dimension_is_the_reductions_or_the_embedders(config):
    study = read_study(config)
    assert [c.dimension(study) for c in grid(study)] == [384, 64, 384, 64]


def test_a_cells_path_holds_all_that_makes_it(config):
    cell = Cell("wiki", "gtr", 32, Reduction("pca", 64), "base", 3)
    assert str(cell.folder) == "results/cells/wiki/gtr/len32/pca64/base/seed3"


def test_several_mistakes_are_still_one_line(config):
    config |= {"lenghts": [4], "sede": 1}
    with pytest.raises(TextbackError) as error:
        read_study(config)
    assert "\n" not in str(error.value) and "(and 1 more)" in str(error.value)


@pytest.mark.parametrize(
    ("axis", "name"), [("use_embedders", "gtr-base"), ("use_corpora", "msmarco")]
)
def test_a_name_that_the_catalogue_has_is_found_there_as_the_error_says(
    config, axis, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(ROOT)
    with pytest.raises(TextbackError, match=rf"'{name}': config/catalogue.yaml has it: name that"):
        read_study(config | {axis: [name]})
    own = tmp_path / "own.yaml"
    own.write_text(f"{axis}: [{name}]\n")
    catalogue = Path("config/catalogue.yaml")
    assert getattr(configured_study([catalogue, own]), axis) == [name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TextbackError, match=f"unknown .* '{name}': known are"):
        read_study(config | {axis: [name]})


def test_every_nested_key_is_checked_and_the_nearest_is_named(config):
    config["corpora"]["state-of-the-union"]["split"]["validaton"] = 0.1
    with pytest.raises(TextbackError, match=r"did you mean 'corpora.state-of-the-union.split.val"):
        read_study(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "sentence-transformer"}, "did you mean 'sentence-transformers'"),
        ({"pooling": "cls"}, "unknown config key 'embedders.minilm.pooling'"),
        ({"max_tokes": 9}, "did you mean 'embedders.minilm.max_tokens'"),
        ({"dimension": "many"}, "config key 'embedders.minilm.dimension'"),
        ({"cased": None}, "config key 'embedders.minilm.cased'"),
    ],
)
def test_an_embedders_keys_are_those_of_its_kind(changes, message, config):
    config["embedders"]["minilm"] |= changes
    with pytest.raises(TextbackError, match=message) as error:
        read_study(config)
    assert "sentence-transformers.m" not in str(error.value)


@pytest.mark.parametrize("key", ["kind", "cased", "dimension"])
def test_what_an_embedder_must_state_is_named_where_it_is_missing(key, config):
    del config["embedders"]["minilm"][key]
    with pytest.raises(TextbackError, match=rf"'embedders\.minilm\.{key}' is missing"):
        read_study(config)


def test_what_a_study_hardly_means_is_a_warning(config):
    assert study_warnings(read_study(config)) == []
    config["reductions"] = ["prefix"]
    config["corpora"]["state-of-the-union"]["lowercase"] = False
    prefix, case = study_warnings(read_study(config))
    assert "'prefix' of embedder 'minilm'" in prefix and "cannot return case" in case
    config["corpora"]["cased"] = config["corpora"]["state-of-the-union"]
    config["corpora"]["state-of-the-union"] = config["corpora"]["cased"] | {"lowercase": True}
    _, case = study_warnings(read_study(config | {"target_corpora": ["cased"], "figures": []}))
    assert "corpora.cased.lowercase: true" in case
    config["corpora"]["state-of-the-union"]["lowercase"] = False
    config["embedders"]["minilm"] |= {"matryoshka": True, "cased": True}
    assert study_warnings(read_study(config)) == []


def test_a_duplicate_on_an_axis_is_an_error(config):
    config["lengths"] = [4, 4]
    with pytest.raises(TextbackError, match="'lengths' names a value twice"):
        read_study(config)


def test_a_missing_key_and_a_wrong_type_name_the_key(config):
    without = {key: value for key, value in config.items() if key != "lengths"}
    with pytest.raises(TextbackError, match="'lengths' is missing"):
        read_study(without)
    with pytest.raises(TextbackError, match=r"config key 'seeds\.0'"):
        read_study(config | {"seeds": ["zero"]})


def test_a_file_that_is_missing_or_not_yaml_is_named(tmp_path):
    with pytest.raises(TextbackError, match="none.yaml"):
        read_study_file(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(TextbackError, match="not YAML"):
        read_study_file(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no keys"),
        (b"# nothing\n", "holds no keys"),
        (b"- study\n- mine\n", "holds no keys"),
        (b"study", "holds no keys"),
        ("study: größer\n".encode("latin-1"), "not UTF-8"),
        (b"study: 2026-13-45\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_mapping_of_keys_is_one_line(tmp_path, content, message):
    (tmp_path / "mine.yaml").write_bytes(content)
    for files in ([tmp_path / "mine.yaml"], [ROOT / "config.yaml", tmp_path / "mine.yaml"]):
        with pytest.raises(TextbackError, match=f"mine.yaml: {message}") as error:
            read_study_file(*files)
        assert "\n" not in str(error.value)


def test_a_figure_shows_several_values_only_of_axes_it_compares(config):
    config["use_embedders"] = ["minilm", "other"]
    config["embedders"]["other"] = config["embedders"]["minilm"]
    config["use_retrieval_sets"] = ["scifact"]
    read_study(config | {"figures": ["leakage_retrieval"]})
    config["corpora"]["other"] = config["corpora"]["state-of-the-union"]
    corpora = {"use_corpora": ["state-of-the-union", "other"]}
    with pytest.raises(TextbackError, match="figure 'by_round' .* 'use_corpora' names 2"):
        read_study(config | corpora | {"figures": ["by_round"]})
    read_study(config | {"figures": ["by_round"]})  # of the first, and says so
    config["use_inverters"] = ["nano", "paper"]
    with pytest.raises(TextbackError, match="'use_inverters' names 2"):
        read_study(config | {"figures": ["leakage_retrieval"]})


def test_a_study_without_figures_of_its_own_draws_none_that_needs_a_retrieval_set(config):
    del config["figures"]
    assert not {"leakage_retrieval", "law"} & set(read_study(config).figures)


@pytest.mark.parametrize(
    ("perturbations", "message"),
    [
        (["none", "gaussian:0.1", "gaussian:0.10"], "names one twice"),
        (["int8"], "lacks 'none'"),
        ([], "is empty"),
    ],
)
def test_perturbations_are_distinct_and_compared_with_none(config, perturbations, message):
    config |= {"use_retrieval_sets": ["scifact"], "perturbations": perturbations}
    with pytest.raises(TextbackError, match=message):
        read_study(config)


def test_a_studys_retrieval_is_every_set_embedder_reduction_and_perturbation(config):
    config |= {"use_retrieval_sets": ["scifact"], "perturbations": ["none", "gaussian:1e-2"]}
    paths = [str(point.scores) for point in retrievals(read_study(config))]
    assert paths == [
        f"results/retrieval/scifact/minilm/{reduction}/{perturbation}.json"
        for reduction in ("native", "pca64")
        for perturbation in ("none", "gaussian:0.01")
    ]


def test_canonical_json_does_not_depend_on_the_order_of_keys():
    assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == canonical({"a": {"c": 3, "d": 2}, "b": 1})


def test_each_step_is_told_only_what_it_does(config):
    """A change of one section changes the specs of the steps that read it, and no other."""

    def told(config):
        study = read_study(config)
        return {
            "corpus": specs.corpus(study, "state-of-the-union"),
            "tokenizer": specs.tokenizer(study, "bpe-2k"),
            "passages": specs.passages(study, "state-of-the-union", 4),
            "embed": specs.embed(study, "minilm", 4),
            "hypothesizer": specs.training(study, "nano", "hypothesizer", 0),
            "hypotheses": specs.hypotheses(study, "nano", "minilm", 0),
            "corrector": specs.corrector(study, "nano", "minilm", 0),
            "invert": specs.invert(
                study, "minilm", "elitist-breadth4-patience3", 4, 10, 500, "none", 0
            ),
            "embed_retrieval": specs.embed_retrieval(study, "scifact", "minilm"),
            "score_retrieval": specs.score_retrieval(study, "scifact", "minilm", "pca64", "int8"),
        }

    def changed(*path, value):
        other = copy.deepcopy(config)
        section = other
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = value
        before, after = told(config), told(other)
        return {step for step in before if before[step] != after[step]}

    nano = ("inverters", "nano")
    assert changed(*nano, "hypothesizer", "examples", value=700) == {"hypothesizer"}
    assert changed(*nano, "corrector", "examples", value=700) == {"corrector"}
    assert changed(*nano, "corrector", "passages", value=7) == {"hypotheses"}
    assert changed(*nano, "backbone", "size", value="tiny") == {"hypothesizer", "corrector"}
    assert changed("tokenizers", "bpe-2k", "vocabulary", value=512) == {"tokenizer"}
    assert changed("evaluation", "patience", value=1) == set()  # it is told by the search's name
    assert changed("corpora", "state-of-the-union", "lowercase", value=False) == {"corpus"}
    assert changed("corpora", "state-of-the-union", "passages", value={}) == {"passages"}
    retrieval = {"embed_retrieval", "score_retrieval"}
    assert changed("retrieval_sets", "scifact", "split", value="train") == retrieval
    assert changed("retrieval_sets", "scifact", "source", value="elsewhere") == set()
    minilm = ("embedders", "minilm")
    assert changed(*minilm, "sha256", value=None) == {
        "embed",
        "embed_retrieval",
        "hypotheses",
        "invert",
    }
    assert changed(*minilm, "matryoshka", value=True) == set()
    assert changed(*minilm, "offline", value=False) == set()
    assert changed("device", value="auto") == set()
    assert changed("lengths", value=[4]) == set()


def test_a_law_may_have_several_inverters_and_needs_cells_enough_and_one_reduction(config):
    grid = {"lengths": [4, 8, 16, 32], "reductions": ["pca"], "dimensions": [16, 32, 64]}
    config |= {"figures": ["law"], **grid}
    read_study(config)
    config["inverters"]["long"] = config["inverters"]["nano"]
    read_study(config | {"use_inverters": ["nano", "long"]})
    config["inverters"]["sharing"] = config["inverters"]["nano"] | {"hypothesizer_of": "nano"}
    two = {"lengths": [4, 8], "dimensions": [16, 32], "use_inverters": ["nano", "long", "sharing"]}
    with pytest.raises(TextbackError, match="2 inverters none has 3"):
        read_study(config | two)
    for changes, message in (
        ({"lengths": [4, 8, 16]}, "needs 6 cells beside those held out.* leave 4"),
        ({"dimensions": [16], "lengths": [4, 8]}, "3 values or more"),
        ({"reductions": ["pca", "prefix"]}, "names pca, prefix"),
        ({"reductions": ["native", "pca"], "dimensions": [64, 384]}, "two cells of 384"),
        ({"reductions": ["native"]}, "needs 5 cells .* leave 3"),
        ({"metrics": ["unrecovered_fraction"]}, "shows the metric 'null_nll_bits'"),
    ):
        with pytest.raises(TextbackError, match=message):
            read_study(config | changes)
    read_study(config | {"reductions": ["native", "pca"], "dimensions": [64, 128]})


def test_the_committed_schema_is_the_codes():
    committed = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert committed == json_schema()


def test_every_figure_has_a_module_a_caption_and_a_category():
    captions = (ROOT / "workflow/report/figure.rst").read_text()
    rules = (ROOT / "workflow/rules/report.smk").read_text()
    for name in FIGURES:
        assert (ROOT / f"src/textback/figures/{name}.py").exists()
        assert f'"{name}"' in captions and f'"{name}"' in rules


def test_every_key_and_metric_is_documented_or_in_the_schema():
    page = (ROOT / "config" / "README.md").read_text()
    schema = json_schema()
    for section in [schema, *schema["$defs"].values()]:
        for key in section.get("properties", {}):
            assert f"`{key}" in page or f".{key}`" in page or f"`.{key}" in page, key
    assert len(METRICS) == len(set(METRICS))


def test_conda_users_get_the_same_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(part["pip"] for part in conda["dependencies"] if isinstance(part, dict))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    assert sorted(pip) == sorted([*wanted, "-e ."])
    python = next(p for p in conda["dependencies"] if str(p).startswith("python "))
    assert python == f"python {project['project']['requires-python']}"


def merged(one, other):
    """As Snakemake reads one configuration over another."""
    for key, value in other.items():
        one[key] = merged(one.get(key, {}), value) if isinstance(value, dict) else value
    return one


def test_the_workflows_tiny_study_is_valid_over_the_default(config):
    tiny = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text())
    assert len(list(grid(read_study(merged(config, tiny))))) == 1


def test_every_corpus_of_the_catalogue_can_be_used_by_a_study(config):
    catalogue = yaml.safe_load((ROOT / "config/catalogue.yaml").read_text())
    page = (ROOT / "config" / "README.md").read_text()
    for name in catalogue["corpora"]:
        study = read_study(merged(config, catalogue) | {"use_corpora": [name]})
        assert len(list(grid(study))) == 4
        assert f"`{name}`" in page
    assert "jason-feng/wikiVisual" in study.corpora["wikipedia-2015"].source


def test_the_study_of_embedders_is_valid_over_the_default_with_retrieval_and_without(config):
    study = merged(config, yaml.safe_load((ROOT / "config/embedders.yaml").read_text()))
    assert list(retrievals(read_study(study)))
    without = {"use_retrieval_sets": [], "figures": ["leakage_by_embedder"]}
    read_without = read_study(study | without)
    assert list(grid(read_without)) == list(grid(read_study(study)))
    assert not list(retrievals(read_without))


@pytest.fixture
def sweep(config):
    return merged(config, yaml.safe_load((ROOT / "config/length_dimension.yaml").read_text()))


def test_the_study_of_length_and_dimension_has_all_its_cells(sweep):
    study = read_study(sweep)
    assert len(grid(study)) == 7 * (1 + 3 * 5) * 3 * 3 * 3
    assert study.lengths == [2, 4, 8, 16, 32, 64, 128]
    assert len(study.seeds) >= 3


@pytest.mark.parametrize(
    "narrow",
    [
        {"lengths": [4, 8]},
        {"dimensions": [64]},
        {"seeds": [0]},
        {"use_embedders": ["minilm"]},
        {"use_corpora": ["state-of-the-union"]},
        {"reductions": ["pca", "random"]},
        {"use_inverters": ["nano-20k", "nano-5k"]},
    ],
)
def test_every_axis_of_it_can_be_narrowed(sweep, narrow):
    whole, found = (grid(read_study(study)) for study in (sweep, sweep | narrow))
    assert len(found) < len(whole) or {cell.corpus for cell in found} != {whole[0].corpus}


@pytest.mark.parametrize(
    ("narrow", "message"),
    [
        (
            {"lengths": [8]},
            "figure 'heat_maps' needs 2 'lengths' or more, and study 'length-dimension' has 1",
        ),
        ({"reductions": ["native"]}, "figure 'by_dimension' needs 2 embedding sizes"),
        ({"reductions": ["native", "pca"]}, "figure 'reductions' needs 2 reductions beside native"),
        ({"use_inverters": ["nano-20k"]}, "figure 'attacker_limit' needs 2 'use_inverters'"),
    ],
)
def test_a_figure_of_an_axis_that_is_not_swept_ends_in_one_line_with_the_others(
    sweep, narrow, message
):
    with pytest.raises(TextbackError, match=re.escape(message)) as error:
        read_study(sweep | narrow)
    said = str(error.value)
    assert "\n" not in said
    others = re.search(r"figures=\[(.*)\]", said)[1].split(",")
    assert others and read_study(sweep | narrow | {"figures": others})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kind": "file", "folder": "a"}, "unknown kind 'file': did you mean 'files'?"),
        ({"kind": "files"}, "'corpora.own.folder' is missing"),
        ({"folder": "a"}, "'corpora.own.kind' is missing"),
        ({"kind": "package", "folder": "a"}, "'corpora.own.package' is missing"),
        (
            {"kind": "files", "folder": "a", "dataset": "b"},
            "unknown config key 'corpora.own.dataset'",
        ),
        (
            {"kind": "huggingface", "dataset": "a", "hubsplit": "b"},
            "did you mean 'corpora.own.hub_split'",
        ),
        ({"kind": "files", "folder": "a", "paragraphs": True}, "'corpora.own.paragraphs'"),
        ({"kind": "files", "folder": "a", "split": {"test": 0.6, "validation": 0.5}}, "lower them"),
    ],
)
def test_a_corpus_that_cannot_be_meant_is_one_line(config, entry, message):
    config["corpora"]["own"] = entry
    with pytest.raises(TextbackError, match=re.escape(message)) as error:
        read_study(config | {"use_corpora": ["own"]})
    assert "\n" not in str(error.value)


def test_words_about_where_a_corpus_comes_from_rerun_nothing(config):
    told = []
    for source in ("a friend", "a friend of a friend"):
        config["corpora"]["state-of-the-union"]["source"] = source
        told.append(specs.corpus(read_study(config), "state-of-the-union"))
    assert told[0] == told[1]


def test_commands_read_a_configuration_over_the_default_one_as_snakemake_does(
    config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(yaml.safe_dump(config))
    Path("mine.yaml").write_text("study: mine\nlengths: [4]\n")
    whole = json.dumps(read_study(config | {"study": "whole"}).model_dump())
    Path("whole.json").write_text(whole)
    assert configured_study(None).study == "quickstart"
    assert (
        configured_study([Path("mine.yaml")]).study,
        configured_study([Path("mine.yaml")]).lengths,
    ) == (
        "mine",
        [4],
    )
    assert configured_study([Path("whole.json")]).study == "whole"
    assert configured_study([Path("config.yaml"), Path("mine.yaml")]).study == "mine"
    Path("config.yaml").unlink()
    assert configured_study([Path("whole.json")]).study == "whole"
    with pytest.raises(TextbackError, match="config.yaml"):
        configured_study(None)


def test_a_misspelt_key_is_named_before_the_key_that_is_missed_for_it(config):
    config["embedders"]["minilm"]["dimention"] = config["embedders"]["minilm"].pop("dimension")
    with pytest.raises(TextbackError, match=r"did you mean 'embedders\.minilm\.dimension'"):
        read_study(config)


def test_the_parts_of_the_reference_study_cover_its_grid_with_three_seeds(config):
    study = read_study(merged(config, yaml.safe_load((ROOT / "config/reference.yaml").read_text())))
    trained = {(c.length, str(c.reduction), c.seed) for c in grid(study) if c.embedder == "minilm"}
    reductions = ["native", *(f"pca{d}" for d in (16, 32, 64, 128, 256))]
    assert trained == set(product((4, 8, 16, 32, 64), reductions, (0, 1, 2)))
