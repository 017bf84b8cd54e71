"""The surrogate of the embedder: what it learns, what it predicts, and what it proposes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from textback.inverter import generate
from textback.inverter.surrogate import DAMPED, RIDGE, Surrogate

LENGTH, DIMENSION, VOCABULARY = 4, 6, 20


def passages(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCABULARY - 2, (n, LENGTH), generator=generator)  # two are never seen


def normals(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def surrogate():
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    surrogate.tokens.copy_(normals(VOCABULARY, DIMENSION, seed=3))
    return surrogate


@pytest.fixture
def near():
    """e, ê and x̂ of three hypotheses."""
    vectors = F.normalize(normals(2, 3, DIMENSION, seed=4), dim=2)
    return vectors[0], vectors[1], passages(3, seed=5)


@pytest.mark.parametrize("n", [50, 3000])
def test_it_is_the_ridge_regression_on_counts_of_tokens(n):
    ids = passages(n)
    embeddings = normals(n, DIMENSION, seed=1) + normals(VOCABULARY, DIMENSION, seed=2)[ids].sum(1)
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    assert not surrogate.fitted
    surrogate.fit(ids, embeddings)
    counts = np.stack([np.bincount(row, minlength=VOCABULARY) for row in ids.numpy()]).astype(float)
    centred = (embeddings - embeddings.mean(0)).double().numpy()
    squares = counts.T @ counts + RIDGE * np.eye(VOCABULARY)
    expected = np.linalg.solve(squares, counts.T @ centred)
    np.testing.assert_allclose(surrogate.tokens.numpy(), expected, atol=2e-4)
    assert surrogate.fitted and (surrogate.tokens[-2:] == 0).all()


def test_a_predicted_cosine_is_that_of_the_embedding_moved_by_the_tokens(surrogate, near):
    e, vector, ids = near
    candidates = passages(3 * 7, seed=6).view(3, 7, LENGTH)
    found = surrogate.cosines(e, vector, ids, candidates)
    for m in range(3):
        for k in range(7):
            added = surrogate.tokens[candidates[m, k]].sum(0) - surrogate.tokens[ids[m]].sum(0)
            expected = F.cosine_similarity(vector[m] + DAMPED * added, e[m], dim=0)
            assert found[m, k] == pytest.approx(float(expected), abs=1e-5)


def test_its_substitutions_are_the_nearest_of_all_and_none_writes_what_is_barred(surrogate, near):
    e, vector, ids = near
    barred = torch.zeros(VOCABULARY)
    barred[:5] = -torch.inf
    found = surrogate.substitutions(e, vector, ids, barred, 9)
    every = ids[:, None].repeat(1, LENGTH * VOCABULARY, 1)
    for way in range(LENGTH * VOCABULARY):
        every[:, way, way // VOCABULARY] = way % VOCABULARY
    cosines = surrogate.cosines(e, vector, ids, every)
    cosines[
        ((every != ids[:, None]).sum(2) != 1)
        | (every != ids[:, None]).logical_and(every < 5).any(2)
    ] = -2
    expected = every.gather(1, cosines.topk(9).indices[..., None].expand(3, 9, LENGTH))
    assert torch.equal(found, expected)


def test_there_are_no_more_substitutions_than_other_texts(surrogate, near):
    found = surrogate.substitutions(*near, torch.zeros(VOCABULARY), 10_000)
    assert found.shape == (3, LENGTH * (VOCABULARY - 1), LENGTH)
    assert ((found != near[2][:, None]).sum(2) == 1).all()


def test_what_is_barred_or_was_never_seen_is_not_proposed_where_there_is_nothing_else(near):
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    surrogate.tokens[:8] = normals(8, DIMENSION, seed=3)
    barred = torch.zeros(VOCABULARY)
    barred[:6] = -torch.inf
    ids = near[2].clamp_min(9)
    found = surrogate.substitutions(*near[:2], ids, barred, 20)
    changed = found != ids[:, None]
    assert (changed.sum(2) <= 1).all() and torch.isin(found[changed], torch.tensor([6, 7])).all()
    assert changed.any(2).sum(1).tolist() == [2 * LENGTH] * 3


@pytest.mark.parametrize("size", [1, 7])
def test_what_it_says_does_not_depend_on_the_batch_size(corrector, size, monkeypatch):
    corrector.surrogate.tokens.copy_(normals(30, 5, seed=7))
    reading = generate.read_targets(corrector, F.normalize(normals(3, 5, seed=8), dim=1))
    rows, ids = torch.tensor([2, 0, 0]), passages(3, seed=9)
    vectors = F.normalize(normals(3, 5, seed=10), dim=1)

    def said():
        found = generate.substitute(corrector, reading, rows, vectors, ids, 6)
        return found, generate.predict(corrector, reading, rows, vectors, ids, found)

    expected = said()
    monkeypatch.setattr(generate, "BATCH", {"cpu": size})
    found = said()
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])
