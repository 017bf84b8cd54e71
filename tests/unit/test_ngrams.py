"""Runs of tokens by number."""

from collections import Counter
from itertools import chain

import pytest
import torch

from textback.inverter import ngrams
from textback.inverter.ngrams import NGrams

VOCABULARY = 6


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(ngrams, "KEPT", 8)


def passages(n, length, seed=0):
    weights = torch.tensor([9.0, 5, 3, 2, 1, 0])  # some tokens are commoner, and one is never seen
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(weights.expand(n, -1), length, True, generator=generator)


def runs(text, width):
    return [tuple(text[at : at + width]) for at in range(len(text) - width + 1)]


def test_tokens_and_the_commonest_runs_have_numbers_and_all_others_the_last():
    ids = passages(400, 5)
    known = NGrams(VOCABULARY)
    known.learn(ids)
    named = [list(map(tuple, known.tokens(width).tolist())) for width in (1, 2, 3)]
    assert named[0] == [(token,) for token in range(VOCABULARY)]
    for width in (2, 3):
        counts = Counter(run for text in ids.tolist() for run in runs(text, width))
        common = counts.most_common(ngrams.KEPT)
        assert counts.most_common(ngrams.KEPT + 1)[-1][1] < common[-1][1]  # no tie
        assert named[width - 1] == sorted(run for run, _ in common)
    numbers = {run: number for number, run in enumerate(chain(*named))}
    assert len(known) == VOCABULARY + 2 * ngrams.KEPT + 1
    texts = passages(20, 5, seed=1)
    for width, found in enumerate(known(texts), 1):
        expected = [
            [numbers.get(run, len(known) - 1) for run in runs(text, width)]
            for text in texts.tolist()
        ]
        assert found.tolist() == expected


@pytest.mark.parametrize("length", [1, 2])
def test_short_texts_have_only_short_runs(length):
    known = NGrams(VOCABULARY)
    known.learn(passages(50, length))
    found = known(passages(3, length, seed=1))
    assert [part.shape for part in found] == [(3, length - width) for width in range(length)]


def test_passages_of_few_runs_leave_numbers_that_stand_for_the_last_one_possible():
    known = NGrams(VOCABULARY)
    known.learn(torch.tensor([[1, 0, 1, 0]]))
    assert known.tokens(2).tolist() == [[0, 1], [1, 0]] + [[5, 5]] * 6
    assert known(torch.tensor([1, 0, 5, 5]))[1].tolist() == [7, len(known) - 1, 8]


def test_what_was_learned_before_is_forgotten():
    known, new = NGrams(VOCABULARY), NGrams(VOCABULARY)
    known.learn(passages(400, 5))
    for other in (torch.tensor([[1, 0, 1, 0]]), torch.tensor([[2]])):
        known.learn(other)
        new.learn(other)
        assert torch.equal(known.codes, new.codes) and known.codes.diff().ge(0).all()


def test_runs_of_a_large_vocabulary_have_codes_of_their_own():
    known = NGrams(250_000)
    text = torch.tensor([[249_999, 249_999, 249_998]])
    known.learn(text)
    assert known.tokens(3)[0].tolist() == text[0].tolist()
    assert known(text)[2].item() == 250_000 + ngrams.KEPT
