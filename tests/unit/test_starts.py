"""Where round 0 comes from, and correctors without feedback."""

import numpy as np
import pytest
import torch

from textback.inverter import decoding, generate
from textback.inverter.decoding import Drawing
from textback.inverter.starts import first_hypotheses, greedy
from textback.inverter.state import load_model, save_model

LENGTH, DIMENSION = 4, 5


@pytest.fixture
def passages():
    return np.random.default_rng(0).integers(10, 30, (6, LENGTH))


@pytest.fixture
def targets():
    vectors = torch.randn(7, DIMENSION, generator=torch.Generator().manual_seed(0))
    return vectors / vectors.norm(dim=1, keepdim=True)


def begin(start, passages, tokenizer, model, targets, width=3, seed=0):
    with torch.inference_mode():
        return first_hypotheses(start, passages, tokenizer, width, seed)(model, targets).numpy()


def test_the_hypothesizers_own_starts_are_its_greedy_and_its_likeliest_texts(
    passages, tokenizer, hypothesizer, targets
):
    some = targets[:6]
    plain = begin("hypothesizer", passages, tokenizer, hypothesizer, some)
    assert (plain == greedy(LENGTH)(hypothesizer, some).numpy()).all()
    wide = begin("beam", passages, tokenizer, hypothesizer, some, width=8)
    with torch.inference_mode():
        ids, _ = decoding.beam_search(hypothesizer, hypothesizer.read(some), LENGTH, 8)
    assert (wide == ids[:, 0].numpy()).all() and (wide != plain).any()


def test_other_starts_know_nothing_of_the_embedding(passages, tokenizer, hypothesizer, targets):
    for start in ("random", "the", "unrelated"):
        one = begin(start, passages, tokenizer, hypothesizer, targets[:6])
        two = begin(start, passages, tokenizer, hypothesizer, -targets[:6])
        assert (one == two).all() and one.shape == (6, LENGTH)
    unrelated = begin("unrelated", passages, tokenizer, hypothesizer, targets[:6])
    assert (unrelated != passages).any(1).all()
    assert {tuple(row) for row in unrelated} == {tuple(row) for row in passages}


def test_random_starts_follow_from_their_seed_and_hold_no_barred_token(
    passages, tokenizer, hypothesizer, targets
):
    hypothesizer.bar([12, 13])
    drawn = [
        begin("random", passages, tokenizer, hypothesizer, targets[:6], seed=s) for s in (1, 1, 2)
    ]
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()
    assert not np.isin(np.stack(drawn), [12, 13]).any()


def test_the_nucleus_holds_the_fewest_tokens_that_reach_their_share():
    shares = torch.tensor([[0.1, 0.5, 0.05, 0.3, 0.05], [0.2, 0.2, 0.2, 0.2, 0.2]])
    kept = decoding._nucleus(shares, 0.75)
    assert kept[0].tolist() == pytest.approx([0, 0.5, 0, 0.3, 0])
    assert (kept[1] > 0).sum() == 4


def test_a_small_nucleus_is_greedy_decoding(hypothesizer, targets):
    with torch.inference_mode():
        small = generate.sample(hypothesizer, targets, LENGTH, Drawing(nucleus=1e-6), seed=0)
        assert (small == generate.guess(hypothesizer, targets, LENGTH)).all()


def test_a_corrector_without_feedback_does_not_see_the_hypothesis_embedding(
    corrector, targets, tmp_path
):
    ids = torch.randint(10, 30, (len(targets), LENGTH), generator=torch.Generator().manual_seed(0))

    def read(model, vectors):
        with torch.inference_mode():
            return model.read(targets, vectors, ids).memory

    one, two = torch.zeros_like(targets), torch.ones_like(targets)
    assert not torch.equal(read(corrector, one), read(corrector, two))
    corrector.feedback = False
    assert torch.equal(read(corrector, one), read(corrector, two))
    save_model(tmp_path / "model.safetensors", corrector)
    again = load_model(tmp_path / "model.safetensors")
    assert not again.feedback and torch.equal(read(again, one), read(again, two))
