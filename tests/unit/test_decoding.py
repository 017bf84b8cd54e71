"""Decoding against plain references: no cache, no batch, one beam at a time."""

import pytest
import torch

from textback.inverter.decoding import DRAWN, Drawing, beam_search, sample
from textback.tokenizer import PAD

LENGTH = 5


@pytest.fixture
def targets():
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(0))


def chances(targets):
    return torch.rand(len(targets), LENGTH, generator=torch.Generator().manual_seed(0))


def next_log_probabilities(model, inputs, prefix):
    """log p(token | inputs, prefix), (vocabulary,), computed anew without a cache.

    inputs: what the model reads of one text
    """
    with torch.no_grad():
        read = model.read(*inputs)
        ids = torch.tensor([prefix], dtype=torch.long).view(1, -1)
        hidden = model.backbone.write(read.memory, ids, read.draft)
        return model.logits(hidden, read.shared)[0, -1].log_softmax(-1)


def reference_beam_search(model, inputs, width):
    beams = [([], 0.0)]
    for _ in range(LENGTH):
        longer = [
            ([*prefix, token], score + float(logp[token]))
            for prefix, score in beams
            for logp in [next_log_probabilities(model, inputs, prefix)]
            for token in range(len(logp))
        ]
        beams = sorted(longer, key=lambda beam: -beam[1])[:width]
    return beams


def of_text(inputs, row):
    return tuple(value[row : row + 1] for value in inputs)


@pytest.mark.parametrize("width", [1, 3])
def test_beam_search_equals_a_plain_one_without_cache(each_model, each_input, width):
    with torch.no_grad():
        ids, scores = beam_search(each_model, each_model.read(*each_input), LENGTH, width)
    for row in range(len(ids)):
        expected = reference_beam_search(each_model, of_text(each_input, row), width)
        assert ids[row].tolist() == [prefix for prefix, _ in expected]
        assert scores[row].tolist() == pytest.approx([score for _, score in expected], abs=1e-4)


def test_what_a_step_reads_of_steps_before_is_in_the_precision_of_its_products(
    each_model, each_input
):
    """In another, all of it would be converted at each step: as long as the step itself."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        read = each_model.read(*each_input)
        _, cache = each_model.backbone.start(read.memory, LENGTH, 2, read.draft)
    kept = [part for layers in (cache.own.layers, cache.read) for layer in layers for part in layer]
    assert {part.dtype for part in kept} == {torch.bfloat16}


def test_the_best_of_a_wider_beam_is_at_least_as_likely(hypothesizer, targets):
    with torch.no_grad():
        read = hypothesizer.read(targets)
        greedy = beam_search(hypothesizer, read, LENGTH, 1)[1][:, 0]
        wide = beam_search(hypothesizer, read, LENGTH, 4)[1][:, 0]
    assert (wide >= greedy - 1e-5).all()


def test_a_text_decodes_alike_alone_and_in_a_batch(each_model, each_input):
    with torch.no_grad():
        together, _ = beam_search(each_model, each_model.read(*each_input), LENGTH, 2)
        for row in range(3):
            read = each_model.read(*of_text(each_input, row))
            assert (beam_search(each_model, read, LENGTH, 2)[0][0] == together[row]).all()


def test_barred_tokens_are_never_written(hypothesizer, targets):
    hypothesizer.bar([7, 8])
    with torch.no_grad():
        read = hypothesizer.read(targets)
        read.shared[:, [PAD, 7, 8]] = 1e4
        drawn = sample(hypothesizer, read, LENGTH, Drawing(), chances(targets))
        found, _ = beam_search(hypothesizer, read, LENGTH, 2)
    for written in (drawn, found):
        assert not torch.isin(written, torch.tensor([PAD, 7, 8])).any()


def test_sampling_follows_the_models_probabilities(hypothesizer, targets):
    many = targets[:1].expand(4000, -1)
    with torch.no_grad():
        drawn = sample(hypothesizer, hypothesizer.read(many), 1, Drawing(), chances(many))[:, 0]
    share = torch.bincount(drawn, minlength=30) / len(drawn)
    expected = next_log_probabilities(hypothesizer, (targets[:1],), []).exp()
    assert share == pytest.approx(expected, abs=0.04)


def test_sampling_at_a_low_temperature_is_greedy(hypothesizer, targets):
    with torch.no_grad():
        read = hypothesizer.read(targets)
        cold = sample(hypothesizer, read, LENGTH, Drawing(1e-3), chances(targets))
        assert (cold == beam_search(hypothesizer, read, LENGTH, 1)[0][:, 0]).all()


def test_given_tokens_are_written_in_their_places_and_the_others_follow_them(hypothesizer, targets):
    given = torch.full((len(targets), LENGTH), DRAWN)
    given[:, 1] = 7
    with torch.no_grad():
        read = hypothesizer.read(targets)
        cold = Drawing(1e-3)
        written = sample(hypothesizer, read, LENGTH, cold, chances(targets), given)
    greedy = beam_search(hypothesizer, read, LENGTH, 1)[0][:, 0]
    assert (written[:, 1] == 7).all() and (written[:, 0] == greedy[:, 0]).all()
    for row, target in zip(written.tolist(), targets, strict=True):
        after = next_log_probabilities(hypothesizer, (target[None],), row[:2])
        assert row[2] == int(after.argmax())


@pytest.mark.parametrize("drawn", [0.0, 1.0])  # chance is below 1, but times a sum may round up
def test_sampling_at_the_ends_of_chance_draws_no_barred_token(hypothesizer, targets, drawn):
    hypothesizer.bar([1, 28, 29])
    with torch.no_grad():
        read = hypothesizer.read(targets)
        written = sample(hypothesizer, read, LENGTH, Drawing(), torch.full((3, LENGTH), drawn))
    assert not torch.isin(written, torch.tensor([PAD, 1, 28, 29])).any()
