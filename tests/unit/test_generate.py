"""Texts in bulk: neither the batch size nor the texts beside it change what a text becomes."""

import numpy as np
import pytest
import torch

from textback import device
from textback.errors import TextbackError
from textback.inverter import batched, generate, judging
from textback.inverter.attacks import attack
from textback.inverter.decoding import Drawing
from textback.inverter.search import Effort, invert
from textback.inverter.starts import greedy

LENGTH, DIMENSION = 4, 5
SIZES = [1, 2, 3, 1000]


@pytest.fixture
def targets():
    return unit(torch.randn(7, DIMENSION, generator=torch.Generator().manual_seed(0)))


def unit(vectors):
    return torch.nn.functional.normalize(vectors, dim=1)


def batches_of(size, monkeypatch):
    monkeypatch.setattr(batched, "BATCH", {"cpu": size})


@pytest.mark.parametrize("size", SIZES)
def test_guesses_do_not_depend_on_the_batch_size(hypothesizer, targets, size, monkeypatch):
    expected = generate.guess(hypothesizer, targets, LENGTH)
    batches_of(size, monkeypatch)
    assert torch.equal(generate.guess(hypothesizer, targets, LENGTH), expected)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sampled_does_not_depend_on_the_batch_size(
    hypothesizer, targets, size, monkeypatch
):
    how = Drawing(nucleus=0.9)
    expected = generate.sample(hypothesizer, targets, LENGTH, how, seed=1)
    batches_of(size, monkeypatch)
    assert torch.equal(generate.sample(hypothesizer, targets, LENGTH, how, seed=1), expected)
    alone = generate.sample(hypothesizer, targets[:1], LENGTH, how, seed=1)
    assert torch.equal(alone, expected[:1])


@pytest.mark.parametrize("size", SIZES)
def test_corrections_do_not_depend_on_the_batch_size(corrector, targets, size, monkeypatch):
    generator = torch.Generator().manual_seed(1)
    rows = torch.tensor([0, 0, 3, 6, 2])
    vectors = unit(torch.randn(5, DIMENSION, generator=generator))
    guesses = torch.randint(1, 30, (5, LENGTH), generator=generator)
    batches_of(1000, monkeypatch)
    reading = generate.read_targets(corrector, targets)
    expected, _ = generate.correct(corrector, reading, rows, vectors, guesses, 3)
    batches_of(size, monkeypatch)
    found, _ = generate.correct(corrector, reading, rows, vectors, guesses, 3)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("size", SIZES)
def test_edits_do_not_depend_on_the_batch_size(each_hypothesizer, targets, size, monkeypatch):
    rows, ids = torch.tensor([0, 0, 3, 6, 2]), hypotheses(5)
    batches_of(1000, monkeypatch)
    read = judging.read_once(each_hypothesizer, targets)
    expected = judging.edit(each_hypothesizer, read, rows, ids, 6)
    likelihoods = judging.judge(each_hypothesizer, read, rows, ids)
    batches_of(size, monkeypatch)
    read = judging.read_once(each_hypothesizer, targets)
    assert torch.equal(judging.edit(each_hypothesizer, read, rows, ids, 6), expected)
    likelihoods_too = judging.judge(each_hypothesizer, read, rows, ids)
    torch.testing.assert_close(likelihoods_too, likelihoods)


@torch.inference_mode()
def test_an_edit_is_as_likely_as_the_hypothesizer_says(each_hypothesizer, targets):
    rows, ids = torch.tensor([4, 1]), hypotheses(2)
    read = judging.read_once(each_hypothesizer, targets)
    likelihoods = judging.judge(each_hypothesizer, read, rows, ids)
    torch.testing.assert_close(likelihoods, -each_hypothesizer.nll(ids, targets[rows]).sum(1))


@torch.inference_mode()
def test_tokens_after_each_beginning_are_as_likely_as_in_the_text_they_are_of(
    each_hypothesizer, targets
):
    ids = hypotheses(7)
    each_hypothesizer.barred.zero_()  # which `nll` takes for tokens like others
    logp = each_hypothesizer.log_likelihoods(ids, each_hypothesizer.read(targets))
    nll = each_hypothesizer.nll(ids, targets)
    assert logp.shape == (7, LENGTH + 1, 30)
    torch.testing.assert_close(logp[:, :LENGTH].gather(2, ids[..., None])[..., 0], -nll)


def test_half_the_edits_are_moves_and_none_writes_what_is_barred(hypothesizer, targets):
    hypothesizer.bar(list(range(10, 30)))
    rows, ids = torch.arange(7), torch.stack([torch.randperm(9)[:LENGTH] + 1 for _ in range(7)])
    read = judging.read_once(hypothesizer, targets)
    found = judging.edit(hypothesizer, read, rows, ids, 16)
    assert found.shape == (7, 8 + 8, LENGTH) and (found < 10).all()
    for texts, own in zip(found, ids, strict=True):
        assert all(sorted(text) == sorted(own.tolist()) for text in texts[:8].tolist())
        assert ((texts[8:] != own).sum(1) == 1).all()


def test_an_attack_corrects_with_the_corrector_and_edits_with_the_hypothesizer(
    hypothesizer, corrector, targets, fp32
):
    toy, rows, ids = toy_attack(hypothesizer, corrector), torch.tensor([4, 1]), hypotheses(2)
    vectors, read = targets[rows].flip(0), toy.read(targets.numpy())
    given = [rows, vectors, ids]
    expected = generate.correct(corrector, generate.read_targets(corrector, targets), *given, 3)
    same(toy.correct(read, *(part.numpy() for part in given), 3), expected)
    once = judging.read_once(hypothesizer, targets)
    found = toy.edit(read, *(part.numpy() for part in given), 4)
    assert torch.equal(torch.from_numpy(found), judging.edit(hypothesizer, once, rows, ids, 4))
    likelihoods = torch.from_numpy(toy.judge(read, rows.numpy(), ids.numpy()))
    torch.testing.assert_close(likelihoods, judging.judge(hypothesizer, once, rows, ids))
    assert toy.expect is None and toy.imagine is None  # of a surrogate that was never fitted
    alone = toy_attack(hypothesizer, None)
    assert (alone.read, alone.correct, alone.edit, alone.judge) == (None,) * 4


def test_an_attack_edits_and_expects_by_the_correctors_surrogate(
    hypothesizer, corrector, targets, fp32
):
    know_something(corrector.surrogate)
    toy, rows, ids = toy_attack(hypothesizer, corrector), torch.tensor([4, 1]), hypotheses(2)
    vectors, reading = targets[rows].flip(0), generate.read_targets(corrector, targets)
    given = [part.numpy() for part in (rows, vectors, ids)]
    known = corrector.surrogate.known(corrector.barred)
    near = judging.substitute(corrector, reading, known, rows, vectors, ids, 4)
    once = judging.read_once(hypothesizer, targets)
    edited = torch.cat([judging.edit(hypothesizer, once, rows, ids, 4), near], 1)
    read = toy.read(targets.numpy())
    assert torch.equal(torch.from_numpy(toy.edit(read, *given, 4)), edited)
    assert edited.shape == (2, 4 + 4, LENGTH)
    seen, candidates = [ids, ids[:1]], [edited[0], edited[1, :3]]
    near = [vectors, vectors[:1]]
    found = toy.expect(
        read, given[0], *([e.numpy() for e in each] for each in (seen, near, candidates))
    )
    for row, cosines, *of_it in zip(rows, found, seen, near, candidates, strict=True):
        texts, embedded, offered = (each[None] for each in of_it)
        known = torch.ones(texts.shape[:2], dtype=torch.bool)
        expected = corrector.surrogate.expected_cosines(
            targets[row][None], texts, embedded, known, offered
        )
        np.testing.assert_allclose(cosines, expected[0], rtol=1e-5, atol=1e-6)
    corrector.feedback = False
    blind = toy_attack(hypothesizer, corrector)
    assert (blind.expect, blind.imagine) == (None, None)
    assert blind.edit(read, *given, 4).shape == (2, 4, LENGTH)


@pytest.mark.parametrize("size", SIZES)
def test_an_attack_imagines_texts_not_embedded_by_those_that_are(
    hypothesizer, corrector, targets, fp32, size, monkeypatch
):
    know_something(corrector.surrogate)
    toy, ids, vectors = toy_attack(hypothesizer, corrector), hypotheses(6).numpy(), targets.numpy()
    seen, near, texts = [ids[:3], ids[:1]], [vectors[:3], vectors[2:3]], [ids[3:4], ids[4:]]
    batches_of(size, monkeypatch)
    found = toy.imagine(seen, near, texts)
    for imagined, *of_it in zip(found, seen, near, texts, strict=True):
        known, embedded, offered = (torch.from_numpy(each)[None] for each in of_it)
        there = torch.ones(known.shape[:2], dtype=torch.bool)
        (expected,) = corrector.surrogate.expected(known, embedded, there, offered)
        assert not torch.isnan(expected).any()
        np.testing.assert_allclose(imagined, expected, rtol=1e-5, atol=1e-6)


def same(found, expected):
    """Candidates and their log-likelihoods."""
    assert np.array_equal(found[0], expected[0].numpy())
    np.testing.assert_allclose(found[1], expected[1].numpy(), rtol=1e-5)


def hypotheses(n):
    return torch.randint(1, 30, (n, LENGTH), generator=torch.Generator().manual_seed(2))


def test_no_more_corrections_are_asked_for_than_there_are_tokens_to_write(corrector, targets):
    corrector.bar([1, 2, 3])
    rows, ids = torch.arange(7), torch.randint(4, 30, (7, LENGTH))
    reading = generate.read_targets(corrector, targets)
    found, likelihoods = generate.correct(corrector, reading, rows, targets, ids, 100)
    assert found.shape == (7, corrector.writable, LENGTH)
    assert corrector.writable < 28 and torch.isfinite(likelihoods).all()


def sizes_of_batches(rows, beam, capacity=10**6):
    """How many rows each batch had, on a device with room for so many sequences."""
    sizes = []

    def decode(part):
        if (part.stop - part.start) * beam > capacity:
            raise torch.OutOfMemoryError
        sizes.append(part.stop - part.start)

    batched.in_batches(decode, torch.zeros(rows, LENGTH), beam, None)
    return sizes


def test_a_batch_holds_about_so_many_sequences_whatever_the_beam(monkeypatch):
    batches_of(8, monkeypatch)
    assert sizes_of_batches(9, beam=1) == [8, 1]
    assert sizes_of_batches(9, beam=4) == [2, 2, 2, 2, 1]
    assert sizes_of_batches(2, beam=100) == [1, 1]


def test_a_device_that_runs_out_of_memory_gets_half_as_much_from_there_on(monkeypatch):
    batches_of(8, monkeypatch)
    monkeypatch.setattr(batched, "_fitting", {})
    assert sizes_of_batches(9, beam=1, capacity=3) == [2, 2, 2, 2, 1]
    assert sizes_of_batches(5, beam=1) == [2, 2, 1]  # what did not fit is not tried again
    assert sizes_of_batches(2, beam=2) == [1, 1]
    with pytest.raises(
        TextbackError, match=r"no memory for 4 tokens of one text at a time: choose"
    ):
        sizes_of_batches(9, beam=4, capacity=3)


def toy_attack(hypothesizer, corrector):
    """Toy models with an embedder that looks tokens and their places up in a table."""
    table = np.random.default_rng(0).normal(size=(LENGTH, 30, DIMENSION)).astype(np.float32)

    def decode(ids):
        return [" ".join(map(str, row)) for row in ids]

    def embed(texts, ids):
        vectors = table[np.arange(LENGTH), ids].sum(1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return attack(hypothesizer, corrector, decode, embed, greedy(LENGTH))


def know_something(surrogate):
    generator = torch.Generator().manual_seed(3)
    surrogate.ngrams.learn(torch.randint(1, 30, (200, LENGTH), generator=generator))
    surrogate.vectors[:-1] = torch.randn(len(surrogate.vectors) - 1, DIMENSION, generator=generator)


def answers(histories):
    """The text and the queries of every round of every text."""
    return [[(state.best.text, state.queries) for state in rounds] for rounds in histories]


@pytest.mark.parametrize("surrogate", [True, False], ids=["surrogate", "none"])
@pytest.mark.parametrize("has", [True, False], ids=["bf16", "fp32"])
@pytest.mark.parametrize("how", [("elitist", 3, 5, 1, 3), ("elitist", 2, 5, 3, 4), ("paper", 3, 3)])
def test_a_real_inverters_search_does_not_depend_on_batches_or_on_other_texts(
    hypothesizer, corrector, targets, how, has, surrogate, monkeypatch
):
    if surrogate:
        know_something(corrector.surrogate)
    monkeypatch.setattr(device, "has_bf16", lambda device: has)
    toy, effort, targets = toy_attack(hypothesizer, corrector), Effort(*how), targets[:5]
    batches_of(100_000, monkeypatch)  # all that is expected in a round, together
    expected = answers(invert(toy, targets.numpy(), effort))
    assert any(rounds[0] != rounds[-1] for rounds in expected)
    alone = [answers(invert(toy, row.numpy(), effort))[0] for row in targets.split(1)]
    assert alone == expected
    backwards = answers(invert(toy, targets.numpy()[::-1].copy(), effort))
    assert backwards[::-1] == expected
    batches_of(4, monkeypatch)
    assert answers(invert(toy, targets.numpy(), effort)) == expected


def test_a_whole_search_projects_each_target_once(hypothesizer, corrector, targets, monkeypatch):
    """The hypothesizer once more, for the guess, before it is known that there are rounds."""
    projected = {hypothesizer: 0, corrector: 0}

    def counting(model):
        project = model.reader.project

        def counted(vectors, way):
            projected[model] += len(vectors) if way == 0 else 0
            return project(vectors, way)

        monkeypatch.setattr(model.reader, "project", counted)

    for model in projected:
        counting(model)
    histories = invert(toy_attack(hypothesizer, corrector), targets.numpy(), Effort("paper", 2, 4))
    assert all(rounds[-1].queries > rounds[1].queries for rounds in histories)
    assert projected == {hypothesizer: 2 * len(targets), corrector: len(targets)}


def test_a_corrector_is_given_the_target_whose_guess_it_corrects(corrector, targets):
    vectors = targets.flip(0)
    guesses = torch.randint(1, 30, (7, LENGTH), generator=torch.Generator().manual_seed(1))
    reading = generate.read_targets(corrector, targets)
    order = torch.tensor([4, 1, 6])
    together, _ = generate.correct(corrector, reading, order, vectors[order], guesses[order], 2)
    for place, row in enumerate(order.tolist()):
        one = slice(row, row + 1)
        alone = generate.read_targets(corrector, targets[one])
        found, _ = generate.correct(
            corrector, alone, torch.tensor([0]), vectors[one], guesses[one], 2
        )
        assert torch.equal(found[0], together[place])


def test_sampled_texts_follow_from_their_seed(hypothesizer, targets):
    one, again, other = (
        generate.sample(hypothesizer, targets, LENGTH, Drawing(), seed, "toy") for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
