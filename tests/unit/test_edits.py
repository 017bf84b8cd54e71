"""Edits of hypotheses, against all of them written out, and a model that knows pairs of tokens."""

import itertools

import pytest
import torch

from textback.inverter import edits

VOCABULARY = 7


def pairs(seed=0):
    """How likely each token is after each, and first: (vocabulary + 1, vocabulary)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(VOCABULARY + 1, VOCABULARY, generator=generator).log_softmax(-1)


def after_each_beginning(table, ids):
    """What `edits` reads, of a model that looks only at the token before."""
    before = torch.cat([torch.full_like(ids[:, :1], VOCABULARY), ids], 1)
    return table[before]


def likelihood(table, text):
    return sum(table[a, b].item() for a, b in zip([VOCABULARY, *text], text, strict=False))


def moved(text):
    """The text with each pair of neighbouring blocks in each other's place."""
    bounds = itertools.combinations(range(len(text) + 1), 3)
    return [text[:i] + text[j:k] + text[i:j] + text[k:] for i, j, k in bounds]


TEXTS = torch.tensor([[0, 1, 2, 3, 4], [5, 6, 2, 1, 0]])


def test_all_moves_are_every_two_neighbouring_blocks_in_each_others_place():
    found = edits.moves(after_each_beginning(pairs(), TEXTS), TEXTS, most=99)
    assert found.shape == (2, 20, 5)
    for texts, own in zip(found.tolist(), TEXTS.tolist(), strict=True):
        assert sorted(texts) == sorted(moved(own))


@pytest.mark.parametrize("most", [1, 4, 11])
def test_the_likeliest_moves_are_found_without_reading_them(most):
    table = pairs()
    found = edits.moves(after_each_beginning(table, TEXTS), TEXTS, most)
    for texts, own in zip(found.tolist(), TEXTS.tolist(), strict=True):
        expected = sorted(moved(own), key=lambda text: -likelihood(table, text))[:most]
        assert texts == expected


def test_what_moves_nothing_comes_last():
    """Here two of three neighbouring tokens are the same: many moves leave the text as it is."""
    ids = torch.tensor([[4, 4, 2, 4, 4]])
    found = edits.moves(after_each_beginning(pairs(), ids), ids, most=8)[0].tolist()
    assert ids[0].tolist() not in found
    assert all(sorted(text) == [2, 4, 4, 4, 4] for text in found)
    ids = torch.full((1, 4), 3)
    assert edits.moves(after_each_beginning(pairs(), ids), ids, most=2).tolist() == [[[3] * 4] * 2]


def test_a_token_that_would_never_be_written_is_the_first_to_be_replaced():
    logp = after_each_beginning(pairs(), TEXTS[:1])
    logp[:, :, 2] = -torch.inf  # the third token
    assert places(edits.substitutions(logp, TEXTS[:1], 5)[0, 0], TEXTS[0]) == [2]
    moved = edits.moves(logp, TEXTS[:1], 5)[0]
    assert all(sorted(text) == sorted(TEXTS[0].tolist()) for text in moved.tolist())


def test_a_text_of_one_token_has_no_moves():
    ids = torch.tensor([[3]])
    assert edits.moves(after_each_beginning(pairs(), ids), ids, 4).shape == (1, 0, 1)


@pytest.mark.parametrize(("most", "each"), [(5, 1), (3, 1), (10, 2)])
def test_substitutions_are_the_likeliest_tokens_instead_and_spread_over_the_text(most, each):
    logp = after_each_beginning(pairs(), TEXTS)
    found = edits.substitutions(logp, TEXTS, most)
    for texts, own, logs in zip(found, TEXTS, logp, strict=True):
        every = []
        for place, token in enumerate(own.tolist()):
            gain = {v: (logs[place, v] - logs[place, token]).item() for v in range(VOCABULARY)}
            best = sorted((v for v in gain if v != token), key=lambda v: -gain[v])[:each]
            every += [(gain[v], place, v) for v in best]
        expected = sorted(every, reverse=True)[:most]
        changes = [(place, text[place].item()) for text in texts for place in places(text, own)]
        assert changes == [(place, token) for _, place, token in expected]


def places(text, own):
    """Where two texts differ."""
    return (text != own).nonzero()[:, 0].tolist()


def test_no_substitution_writes_a_barred_token_even_where_no_other_is_left():
    logp = after_each_beginning(pairs(), TEXTS[:1])
    logp[:, :, 5:] = -torch.inf
    found = edits.substitutions(logp, TEXTS[:1], 30)
    assert found.max() < 5
    assert len({tuple(text) for text in found[0].tolist()}) == 1 + 5 * 4  # itself, and all others
