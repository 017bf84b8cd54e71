"""The corrector's data rounds: it learns from the hypothesizer's output, then from its own, too."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from textback.config import Backbone, Training, read_embedder
from textback.embeddings import write_embeddings
from textback.errors import TextbackError
from textback.inverter import data, surrogate
from textback.inverter.model import Inverter
from textback.inverter.state import save_model
from textback.passages import write_passages
from textback.reductions import Projection, save_projection
from textback.steps import corrector as step
from textback.steps import hypotheses as hypotheses_step
from textback.steps.corrector import train_corrector

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
LENGTH, TRAIN, VALIDATION, BATCH = 3, 96, 16, 32
BUDGET = Training(examples=256, batch=BATCH, learning_rate=3e-3, optimizer="adamw")


class WordCounts:
    """Embeds a text as the counts of its known words, and of all others; counts its calls."""

    dimension, max_tokens = len(WORDS) + 1, None

    def __init__(self):
        self.texts = 0

    def embed(self, texts):
        self.texts += len(texts)
        counts = [[text.split().count(word) for word in WORDS] for text in texts]
        rows = np.array([[*known, 1.0] for known in counts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def embedder(monkeypatch):
    fake = WordCounts()
    monkeypatch.setattr(hypotheses_step, "load_embedder", lambda name, entry, device: fake)
    return fake


@pytest.fixture
def study(tmp_path, tokenizer):
    """The files that a corrector is trained from: random guesses stand for a hypothesizer's."""
    rng, fake = np.random.default_rng(0), WordCounts()
    tokenizer.save(tmp_path / "tokenizer.json")
    save_projection(tmp_path / "reduction.safetensors", Projection())
    torch.manual_seed(7)
    hypothesizer = Inverter(Backbone(size="toy"), tokenizer.size, fake.dimension, ways=1)
    for parameter in hypothesizer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    hypothesizer.bar(tokenizer.specials)
    save_model(tmp_path / "model.safetensors", hypothesizer)
    for split, count in (("train", TRAIN), ("validation", VALIDATION)):
        texts, guesses = (texts_of(rng, count) for _ in range(2))
        ids = np.array(tokenizer.encode_batch(texts), np.uint16)
        write_passages(tmp_path / "passages" / f"{split}.parquet", ids, tokenizer)
        write_embeddings(
            tmp_path / "embeddings" / f"{split}.safetensors", fake.embed(texts).astype(np.float16)
        )
        data.write_hypotheses(
            tmp_path / "hypotheses" / f"{split}.safetensors",
            torch.tensor(tokenizer.encode_batch(guesses)),
            fake.embed(guesses).astype(np.float16),
            count,
        )
    return tmp_path


def texts_of(rng, count):
    return [" ".join(rng.choice(WORDS, LENGTH)) for _ in range(count)]


def spec(data_rounds, **changes):
    embedder = read_embedder(
        {"kind": "python", "path": "a:B", "dimension": 11, "max_tokens": 99, "cased": True}
    )
    return {
        "backbone": Backbone(size="toy").model_dump(),
        "training": BUDGET.model_dump(),
        "seed": 0,
        "start": "hypothesizer",
        "data_rounds": data_rounds,
        "name": "fake",
        "embedder": embedder.model_dump(),
        **changes,
    }


def run(study, output, data_rounds, **changes):
    """Train in a folder of its own; returns it."""
    folder = study / output
    train_corrector(
        spec(data_rounds, **changes),
        study / "model.safetensors",
        study / "tokenizer.json",
        study / "passages",
        study / "embeddings",
        study / "reduction.safetensors",
        study / "hypotheses",
        folder,
        folder / "state",
        "cpu",
    )
    return folder


@pytest.fixture
def trainings(monkeypatch):
    """The data and the budget of every training."""
    seen, train = [], step.train

    def spy(model, train_data, validation, budget, *rest):
        seen.append((train_data, budget))
        return train(model, train_data, validation, budget, *rest)

    monkeypatch.setattr(step, "train", spy)
    return seen


def test_each_data_round_adds_one_correction_of_every_hypothesis(study, embedder, trainings):
    run(study, "out", 3)
    assert [len(seen) for seen, _ in trainings] == [TRAIN, 2 * TRAIN, 3 * TRAIN]
    first, _, last = (seen.rows(slice(None)) for seen, _ in trainings)
    for before, after in zip(first, last, strict=True):
        assert torch.equal(after[:TRAIN], before)
    for round in (1, 2):  # the same passages and targets, other guesses
        rows = slice(round * TRAIN, (round + 1) * TRAIN)
        assert torch.equal(last[0][rows], first[0]) and torch.equal(last[1][rows], first[1])
        assert not torch.equal(last[3][rows], first[3])


def test_how_many_hypotheses_are_corrected_together_changes_none(
    study, embedder, trainings, monkeypatch
):
    run(study, "at-once", 2)
    monkeypatch.setattr(step, "TOGETHER", 7)
    run(study, "in-parts", 2)
    one, other = (trainings[number][0].rows(slice(None)) for number in (1, 3))
    assert all(map(torch.equal, one, other))


def test_a_corrected_hypothesis_comes_with_its_own_embedding(study, embedder, trainings, tokenizer):
    run(study, "out", 2)
    _, _, vectors, ids = trainings[1][0].rows(slice(TRAIN, None))
    texts = tokenizer.decode_batch(ids.tolist())
    assert len(set(texts)) > 1
    assert vectors.numpy() == pytest.approx(embedder.embed(texts), abs=1e-3)


def test_the_budget_is_divided_among_the_rounds_and_the_history_counts_on(
    study, embedder, trainings
):
    whole, divided = run(study, "whole", 1), run(study, "divided", 2)
    assert [budget.examples for _, budget in trainings] == [256, 128, 128]
    histories = [pd.read_csv(folder / "history.csv") for folder in (whole, divided)]
    for column in ("examples", "flops"):
        one, two = (history[column].tolist() for history in histories)
        assert two[-1] == one[-1]
        assert two == sorted(set(two))
    costs = [json.loads((folder / "costs.json").read_text()) for folder in (whole, divided)]
    assert costs[0]["train_flops"] == costs[1]["train_flops"]


def test_a_budget_in_flops_is_divided_too(study, embedder, trainings):
    training = BUDGET.model_copy(update={"examples": None, "flops": 1e9}).model_dump()
    run(study, "out", 2, training=training)
    assert [budget.flops for _, budget in trainings] == [5e8, 5e8]


def test_only_the_products_stay(study, embedder):
    folder = run(study, "out", 2)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files - {"state/lock"} == {"model.safetensors", "history.csv", "costs.json"}


def test_one_round_loads_no_embedder_and_several_count_its_queries(study, monkeypatch, embedder):
    folder = run(study, "several", 2)
    queries = json.loads((folder / "costs.json").read_text())["embedder_queries"]
    assert 0 < queries == embedder.texts <= TRAIN

    def refuse(name, entry, device):
        raise AssertionError("loaded")

    monkeypatch.setattr(hypotheses_step, "load_embedder", refuse)
    folder = run(study, "one", 1)
    assert "embedder_queries" not in json.loads((folder / "costs.json").read_text())
    with pytest.raises(AssertionError, match="loaded"):
        run(study, "again", 2)


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def steps_of_one_run(monkeypatch, stop_at=None):
    """Count the training passes of a run, with a checkpoint after each; fail at one as a kill."""
    forward, passes = Inverter.forward, []

    def counted(self, *inputs):
        passes.append(len(inputs[0]))
        if len(passes) == stop_at:
            raise TextbackError("killed")
        return forward(self, *inputs)

    monkeypatch.setattr(Inverter, "forward", counted)
    monkeypatch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
    return passes


# Each of two trainings counts FLOPs in one pass and takes four steps: `steps` are done at the kill.
@pytest.mark.parametrize(("stop_at", "steps"), [(4, 2), (6, 4), (8, 5)])
def test_a_run_killed_in_any_round_ends_in_the_same_weights_and_history(
    study, embedder, monkeypatch, stop_at, steps
):
    expected = run(study, "whole", 2)
    with monkeypatch.context() as patch:
        steps_of_one_run(patch, stop_at)
        with pytest.raises(TextbackError, match="killed"):
            run(study, "killed", 2)
    with monkeypatch.context() as patch:
        passes = steps_of_one_run(patch)
        resumed = run(study, "killed", 2)
    assert same(weights(resumed), weights(expected))
    assert (resumed / "history.csv").read_text() == (expected / "history.csv").read_text()
    assert passes.count(BATCH) == 8 - steps


def test_a_corrector_carries_a_surrogate_of_the_embedder_fitted_to_the_training_passages(
    study, embedder, monkeypatch
):
    monkeypatch.setattr(surrogate, "ROWS", 64)
    ids = data.passage_ids(study / "passages" / "train.parquet").long()[:64]
    embeddings = load_file(study / "embeddings" / "train.safetensors")["embeddings"][:64]
    written = weights(run(study, "out", 1))
    expected = surrogate.Surrogate(len(written["barred"]), embeddings.shape[1])
    expected.fit(ids, F.normalize(embeddings.float(), dim=1))
    assert expected.fitted
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(written[f"surrogate.{name}"], value)


def test_a_second_round_makes_another_corrector(study, embedder):
    assert not same(weights(run(study, "one", 1)), weights(run(study, "two", 2)))


def test_a_corrector_starts_with_the_hypothesizers_weights_or_with_none_of_them(
    study, embedder, monkeypatch
):
    monkeypatch.setattr(step, "train", stop_before_training)
    first = load_file(study / "model.safetensors")
    for start, taken in (("hypothesizer", True), ("backbone", False)):
        with pytest.raises(Untrained) as begun:
            run(study, start, 1, start=start)
        model = begun.value.args[0]
        own = model.state_dict()
        learned = [name for name in first if name.endswith("proj.weight")] + [
            "reader.adapters.0.0.weight"
        ]
        assert len(learned) > 1
        assert all(torch.equal(own[name], first[name]) == taken for name in learned)
        assert torch.equal(own["reader.mean"], first["reader.mean"])
        assert torch.equal(own["barred"], first["barred"])
        assert model.ways == 3


class Untrained(Exception):
    """Carries a model that was to be trained."""


def stop_before_training(model, *rest):
    raise Untrained(model)
