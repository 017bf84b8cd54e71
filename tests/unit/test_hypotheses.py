"""What a corrector's training hypotheses are given of the passages themselves."""

import torch

from textback.inverter.decoding import DRAWN
from textback.steps.hypotheses import GREEDY, _given, _guesses

PASSAGES = torch.arange(1, 9).repeat(4000, 1)


def test_passages_are_given_from_none_to_all_of_their_tokens_evenly():
    given = _given(PASSAGES, 1.0, seed=3)
    shares = (given != DRAWN).float().mean(1)
    assert abs(float(shares.mean()) - 0.5) < 0.02
    # Of 8 tokens each number from 0 to 8 is as likely as any other.
    counts = torch.bincount((8 * shares).round().long(), minlength=9) / len(shares)
    assert ((counts - 1 / 9).abs() < 0.03).all()


def test_what_is_given_are_the_passages_own_tokens_in_their_places():
    given = _given(PASSAGES, 1.0, seed=3)
    kept = given != DRAWN
    assert torch.equal(given[kept], PASSAGES[kept])


def test_no_more_than_the_share_is_given_and_nothing_without_one():
    shares = (_given(PASSAGES, 0.5, seed=3) != DRAWN).float().mean(1)
    assert abs(float(shares.mean()) - 0.25) < 0.02
    assert (_given(PASSAGES, 0.0, seed=3) == DRAWN).all()


def test_what_is_given_has_nothing_to_do_with_what_is_drawn():
    """One seed for both would make a passage with few given tokens begin with a likely one."""
    shares = (_given(PASSAGES, 1.0, seed=3) != DRAWN).float().mean(1)
    drawn = torch.rand(len(PASSAGES), generator=torch.Generator().manual_seed(3))
    assert abs(float(torch.corrcoef(torch.stack([shares, drawn]))[0, 1])) < 0.05


def test_a_sampled_hypothesis_is_given_tokens_of_its_own_passage_and_the_greedy_one_none(
    hypothesizer,
):
    torch.manual_seed(0)
    e, ids = torch.randn(50, 5), torch.randint(4, 30, (50, 3))
    wanted = {"passages": None, "hypotheses": 2, "temperature": 1.0, "teacher_forcing": 1.0}
    found = _guesses(hypothesizer, e, ids, wanted, 0, "train")
    assert torch.equal(found[:50], _guesses(hypothesizer, e, ids, GREEDY, 0, "validation"))
    given = _given(ids, 1.0, seed=1)
    kept = given != DRAWN
    assert torch.equal(found[50:][kept], ids[kept]) and kept.any()
