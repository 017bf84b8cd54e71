"""What a change of the configuration makes Snakemake do again, and what it does not."""

import yaml
from running import TINY

TRAINING = {"null_model", "hypothesizer", "hypotheses", "corrector"}


def test_a_finished_study_plans_nothing(finished):
    assert finished.planned() == {}


def test_reordered_keys_plan_nothing(finished, tmp_path):
    def reversed_keys(value):
        if isinstance(value, dict):
            return {key: reversed_keys(value[key]) for key in reversed(list(value))}
        return value

    config = tmp_path / "reordered.yaml"
    text = yaml.safe_dump(reversed_keys(yaml.safe_load(TINY.read_text())), sort_keys=False)
    assert text.splitlines()[0] != TINY.read_text().splitlines()[1]
    config.write_text(text)
    assert finished.planned(config=config) == {}


def test_a_length_more_plans_only_its_own_cells(finished, changed_config):
    planned = finished.planned(config=changed_config(lengths=[4, 5]))
    for rule in ("passages", "embed", "reduction", "nearest", *TRAINING, "invert", "score"):
        assert planned[rule] == 1
    assert not {"corpus", "tokenizer"} & set(planned)


def test_a_dimension_more_embeds_nothing_again(finished, changed_config):
    config = changed_config(reductions=["native", "pca"], dimensions=[16])
    planned = finished.planned(config=config)
    assert planned["hypothesizer"] == planned["reduction"] == 1
    assert not {"embed", "passages", "null_model"} & set(planned)


def test_a_changed_evaluation_plans_no_training(finished, changed_config):
    for changes in (
        {"evaluation.rounds": 3},
        {"evaluation.patience": 1},
        {"beams": [2, 3]},
        {"metrics": ["bleu", "cosine"], "figures": ["worked_example"]},
    ):
        planned = finished.planned(config=changed_config(**changes))
        assert planned["table"] == 1
        assert not TRAINING & set(planned)


def test_a_list_of_names_counts_and_measures_anew_and_reads_no_corpus(
    finished, changed_config, tmp_path
):
    names = tmp_path / "names.txt"
    names.write_text("Saddam Hussein\n")
    planned = finished.planned(config=changed_config(**{"corpora.few-speeches.names": str(names)}))
    assert planned["words"] == planned["score"] == planned["table"] == 1
    assert not {"corpus", "passages", "embed", "invert", *TRAINING} & set(planned)


def test_a_beam_more_inverts_only_that_beam(finished, changed_config):
    assert finished.planned(config=changed_config(beams=[2, 3]))["invert"] == 1


def test_a_changed_corrector_keeps_the_hypothesizer(finished, changed_config):
    planned = finished.planned(config=changed_config(**{"inverters.toy.corrector.examples": 960}))
    assert planned["corrector"] == planned["invert"] == 1
    assert not {"hypothesizer", "hypotheses", "null_model"} & set(planned)


def test_the_device_is_no_reason_to_compute_again(finished, changed_config):
    planned = finished.planned(config=changed_config(device="auto"))
    assert not {"embed", "invert", "table", *TRAINING} & set(planned)


def test_an_axis_is_narrowed_from_the_command_line(finished):
    planned = finished.planned("--config", "lengths=[5]")
    assert planned["hypothesizer"] == 1 and planned["invert"] == 1
