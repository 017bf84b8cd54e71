"""Parts of a study: grids of their own, and inversions by search, target and perturbation."""

import copy
import json

import pytest

from textback import specs
from textback.cells import Target, grid, inversions, owners, retrievals
from textback.config import canonical, parts, read_study, used
from textback.errors import TextbackError
from textback.searches import Search
from textback.steps.study import parts_of
from textback.table import COST_COLUMNS, Known, cost_files

PARTS = {
    "rounds": {"beams": [1, 8]},
    "short": {"lengths": [4], "evaluation": {"rounds": 2}},
    "guess": {"use_inverters": ["alone"], "evaluation": {"rounds": 0}},
}


@pytest.fixture
def study(config):
    """A configuration of three parts, one with an inverter that has no corrector."""
    config["inverters"]["alone"] = copy.deepcopy(config["inverters"]["nano"])
    del config["inverters"]["alone"]["corrector"]
    plain = {"lengths": [4, 8], "reductions": ["native"], "figures": []}
    return config | plain | {"parts": PARTS}


def test_costs_tell_inversions_apart_that_differ_in_their_rounds_alone(study):
    study["parts"] = {"long": {}, "short": {"evaluation": {"rounds": 2}}}
    read = read_study(study)
    told = specs.table(read)
    known = Known(told["tokenizers"], told["owners"], told["native"])
    files = cost_files(parts(read), known)
    rounds = {folder: row["rounds"] for folder, row in files.items() if row["step"] == "invert"}
    asked = {one.folder / "costs.json": one.rounds for one in inversions(read)}
    assert rounds == asked and set(rounds.values()) == {2, study["evaluation"]["rounds"]}
    assert "rounds" in COST_COLUMNS


def test_a_study_without_parts_is_one_part(config):
    found = parts(read_study(config))
    assert list(found) == ["main"]
    assert found["main"].lengths == config["lengths"]


def test_a_part_is_the_study_but_for_what_it_says(study):
    found = parts(read_study(study))
    assert found["rounds"].lengths == [4, 8] and found["rounds"].beams == [1, 8]
    assert found["short"].beams == study["beams"] and found["short"].evaluation.rounds == 2
    passages = study["evaluation"]["passages"]
    assert {part.evaluation.passages for part in found.values()} == {passages}


def test_cells_and_inversions_that_parts_share_are_there_once(study):
    read = read_study(study)
    found = grid(read)
    assert len(found) == 4 and len(set(found)) == 4  # two lengths, two inverters
    assert {cell.inverter for cell in found} == {"nano", "alone"}
    study["parts"] |= {"again": PARTS["rounds"]}
    assert inversions(read_study(study)) == inversions(read)


def test_some_parts_can_be_chosen(study):
    chosen = read_study(study | {"use_parts": ["guess"]})
    assert {cell.inverter for cell in grid(chosen)} == {"alone"}
    assert used(chosen, "beams") == study["beams"]
    with pytest.raises(TextbackError, match="unknown part 'gess': did you mean 'guess'"):
        read_study(study | {"use_parts": ["gess"]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beams": []}, "part 'short': 'beams' is empty"),
        ({"target_lengths": [300]}, "length 300 is longer than embedder 'minilm' reads"),
        ({"target_corpora": ["wiki"]}, "unknown corpus 'wiki'"),
        ({"perturbations": ["int8"]}, "part 'short': 'perturbations' lacks 'none'"),
        (
            {"evaluation": {"rank": "likelihood"}},
            "part 'short': evaluation.rank 'likelihood' .* evaluation.mode: paper",
        ),
        ({"use_inverters": ["alone"]}, "part 'short': 10 rounds, but inverter 'alone' has no"),
        ({"evaluation": {"passages": 501}}, "part 'short': 501 passages, but corpus"),
        ({"evaluation": {"start": "teh"}}, "parts.short.evaluation.start"),
        ({"beam": [1]}, "unknown config key 'parts.short.beam': did you mean 'parts.short.beams'"),
    ],
)
def test_a_part_that_cannot_be_run_is_told_in_one_line(study, changes, message):
    study["parts"] = {"short": changes}
    with pytest.raises(TextbackError, match=message) as error:
        read_study(study)
    assert "\n" not in str(error.value)


def test_parts_that_search_the_same_cells_are_as_patient(study):
    """Their rows would be the same but for the values."""
    patient = {"lengths": [4], "evaluation": {"patience": 9}}
    study["parts"] = {"all": {}, "patient": patient}
    with pytest.raises(TextbackError, match="'all' and 'patient'.* patience 10 and 9") as error:
        read_study(study)
    assert "\n" not in str(error.value)
    for apart in (
        {"lengths": [16]},
        {"beams": [2]},
        {"evaluation": {"patience": 9, "start": "the"}},
        {"evaluation": {"patience": 9, "rounds": 0}},
    ):
        read_study(study | {"parts": {"all": {}, "patient": patient | apart}})


def test_every_search_has_a_name_of_its_own_that_reads_back():
    searches = [
        Search(mode, breadth, patience, rank, kept, start, edits)
        for mode, breadth, patience in (("elitist", 4, 3), ("paper", None, None))
        for rank in ("cosine", "likelihood")
        for kept in ("beam", "one")
        for start in ("hypothesizer", "beam", "nucleus", "random", "the", "unrelated")
        for edits in (True, False)
        if (mode == "paper" and edits) or (mode == "elitist" and (rank, kept) == ("cosine", "beam"))
    ]
    assert [Search.parse(str(search)) for search in searches] == searches
    assert len({str(search) for search in searches}) == len(searches) == 36
    for text in ("elitist", "elitist-breadth4-patience0", "paper-no-edits", "paper-from-nowhere"):
        with pytest.raises(TextbackError, match="unknown search"):
            Search.parse(text)


def test_inversions_of_different_targets_perturbations_and_efforts_lie_apart(study):
    noise = ["none", "gaussian:0.01"]
    study["parts"] = {
        "one": {"perturbations": noise, "target_lengths": [4, 16], "beams": [1, 2]},
        "two": {"evaluation": {"mode": "paper", "rounds": 2, "passages": 20}, "beams": [1]},
    }
    found = inversions(read_study(study))
    assert len({inversion.trace for inversion in found}) == len(found) == 2 * 8 + 2
    plain = [i for i in found if i.plain]
    assert {i.target for i in plain} <= {Target(i.cell.corpus, i.cell.length) for i in plain}
    assert all(str(i.perturbation) == "none" for i in plain)


def test_what_is_searched_is_gathered_over_parts(study):
    study["parts"] = {
        "one": {"use_retrieval_sets": ["scifact"]},
        "two": {"use_retrieval_sets": ["scifact"], "perturbations": ["none", "int8"]},
        "three": {},
    }
    found = [str(point.perturbation) for point in retrievals(read_study(study))]
    assert found == ["none", "int8"]


def test_an_inverter_may_share_the_hypothesizer_of_one_that_trains_the_same(study):
    blind = copy.deepcopy(study["inverters"]["nano"]) | {"hypothesizer_of": "nano"}
    blind["corrector"]["feedback"] = False
    study["inverters"]["blind"] = blind
    study["parts"] = {"blind": {"use_inverters": ["blind"]}}
    read = read_study(study)
    assert grid(read)[0].hypothesized_by(owners(read)).inverter == "nano"
    assert specs.corrector(read, "blind", "minilm", 0)["feedback"] is False
    assert "feedback" not in specs.corrector(read, "nano", "minilm", 0)
    blind["hypothesizer"] = blind["hypothesizer"] | {"examples": 99_000}
    with pytest.raises(TextbackError, match="another 'hypothesizer'"):
        read_study(study)


def test_a_figure_of_one_search_is_refused_where_parts_have_several(study):
    study["parts"]["paper"] = {"evaluation": {"mode": "paper"}}
    with pytest.raises(TextbackError, match="'by_length' shows one search, .* elitist, paper"):
        read_study(study | {"figures": ["by_length"], "use_parts": ["rounds", "paper"]})


def test_gathering_steps_have_the_parts_in_the_studys_order(study):
    study["parts"] = {name: {} for name in ("second", "first", "third")}
    told = json.loads(canonical(specs.table(read_study(study))))
    assert list(parts_of(told)) == ["second", "first", "third"]
