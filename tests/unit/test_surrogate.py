"""The surrogate of the embedder: what it learns, what it predicts, and what it proposes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from textback.inverter import batched, generate, judging, ngrams
from textback.inverter.surrogate import DAMPED, RIDGE, SHORTLIST, Surrogate, nearest

LENGTH, DIMENSION, VOCABULARY = 4, 6, 20


def passages(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCABULARY - 2, (n, LENGTH), generator=generator)  # two are never seen


def normals(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def surrogate(monkeypatch):
    """Of random vectors, which knows some pairs and triples."""
    monkeypatch.setattr(ngrams, "KEPT", 60)
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    surrogate.ngrams.learn(passages(200, seed=2))
    surrogate.vectors[:-1] = normals(len(surrogate.vectors) - 1, DIMENSION, seed=3)
    return surrogate


def added(surrogate, text):
    """What the runs of a text add together."""
    return sum(surrogate.vectors[runs].float().sum(0) for runs in surrogate.ngrams(text))


@pytest.fixture
def near():
    """e, ê and x̂ of three hypotheses."""
    vectors = F.normalize(normals(2, 3, DIMENSION, seed=4), dim=2)
    return vectors[0], vectors[1], passages(3, seed=5)


@pytest.mark.parametrize("n", [50, 3000])
def test_it_is_the_ridge_regression_on_counts_of_runs(n, monkeypatch):
    monkeypatch.setattr(ngrams, "KEPT", 60)
    monkeypatch.setattr("textback.inverter.surrogate.ITERATIONS", 200)
    ids = passages(n)
    embeddings = normals(n, DIMENSION, seed=1) + normals(VOCABULARY, DIMENSION, seed=2)[ids].sum(1)
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    assert not surrogate.fitted
    surrogate.fit(ids, embeddings)
    runs, number = torch.cat(surrogate.ngrams(ids), 1).numpy(), len(surrogate.ngrams)
    counts = np.stack([np.bincount(row, minlength=number) for row in runs])[:, :-1].astype(float)
    centred = (embeddings - embeddings.mean(0)).double().numpy()
    squares = counts.T @ counts + RIDGE * np.eye(number - 1)
    expected = np.linalg.solve(squares, counts.T @ centred)
    np.testing.assert_allclose(surrogate.vectors[:-1].numpy(), expected, atol=5e-4, rtol=1e-3)
    assert surrogate.fitted and (surrogate.vectors[-1] == 0).all()
    assert (surrogate.vectors[VOCABULARY - 2 : VOCABULARY] == 0).all()  # never seen


def test_a_predicted_cosine_is_that_of_the_embedding_moved_by_the_runs(surrogate, near):
    e, vector, ids = near
    candidates = passages(3 * 7, seed=6).view(3, 7, LENGTH)
    found = surrogate.cosines(e, vector, ids, candidates)
    for m in range(3):
        for k in range(7):
            change = added(surrogate, candidates[m, k]) - added(surrogate, ids[m])
            expected = F.cosine_similarity(vector[m] + DAMPED * change, e[m], dim=0)
            assert found[m, k] == pytest.approx(float(expected), abs=1e-3)


def substitutions(surrogate, e, vector, ids, barred, most, shortlist=None):
    """The nearest of a shortlist, as a search asks for them."""
    given, known = (e, vector, ids), surrogate.known(barred)
    texts, allowed = surrogate.shortlist(*given, known, shortlist or SHORTLIST * most)
    return nearest(ids, texts, allowed, surrogate.cosines(*given, texts), most)


def every_substitution(surrogate, text, barred):
    """Texts with another run of one to three tokens in place of one, ends changed."""
    for width in (1, 2, 3):
        for run in surrogate.ngrams.tokens(width).tolist():
            for at in range(LENGTH - width + 1):
                new = text[:at] + run + text[at + width :]
                ends = new[at] != text[at] and new[at + width - 1] != text[at + width - 1]
                if ends and not set(run) & barred:
                    yield new


def test_its_substitutions_are_the_nearest_of_all_and_none_writes_what_is_barred(surrogate, near):
    e, vector, ids = near
    barred = torch.zeros(VOCABULARY)
    barred[:5] = -torch.inf
    found = substitutions(surrogate, e, vector, ids, barred, 9, shortlist=10_000)
    for m, text in enumerate(ids.tolist()):
        every = torch.tensor(list(every_substitution(surrogate, text, set(range(5)))))
        given = e[m : m + 1], vector[m : m + 1], ids[m : m + 1]
        cosines = surrogate.cosines(*given, every[None])[0]
        best = cosines.topk(9)
        torch.testing.assert_close(surrogate.cosines(*given, found[m : m + 1])[0], best.values)
        assert set(map(tuple, found[m].tolist())) == set(map(tuple, every[best.indices].tolist()))


def test_of_lone_tokens_a_shortlist_misses_none(near):
    """Without pairs and triples nothing is left out of what the shortlist goes by."""
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    surrogate.vectors[:VOCABULARY] = normals(VOCABULARY, DIMENSION, seed=3)
    e, vector, ids = near
    found = substitutions(surrogate, e, vector, ids, torch.zeros(VOCABULARY), 9)
    every = ids[:, None].repeat(1, LENGTH * VOCABULARY, 1)
    for way in range(LENGTH * VOCABULARY):
        every[:, way, way // VOCABULARY] = way % VOCABULARY
    cosines = surrogate.cosines(e, vector, ids, every)
    cosines[(every == ids[:, None]).all(2)] = -2
    best = cosines.topk(9)
    torch.testing.assert_close(surrogate.cosines(e, vector, ids, found), best.values)
    assert torch.equal(found, every.gather(1, best.indices[..., None].expand(3, 9, LENGTH)))


def test_a_shortlist_is_multiplied_in_bf16_where_the_hardware_has_it_and_misses_next_to_nothing(
    surrogate, near, monkeypatch
):
    found = []
    for has in (False, True):
        monkeypatch.setattr("textback.device.has_bf16", lambda device, has=has: has)
        barred = torch.zeros(VOCABULARY)
        dtypes = {known.added.dtype for known in surrogate.known(barred)}
        assert dtypes == {torch.bfloat16 if has else torch.float32}
        found.append(substitutions(surrogate, *near, barred, 20))
    for one, other in zip(*(texts.tolist() for texts in found), strict=True):
        assert len(set(map(tuple, one)) & set(map(tuple, other))) >= 19


def test_passages_of_few_runs_do_not_fill_a_shortlist_with_the_last_token(near):
    """Numbers that they leave over stand for runs of it, and e is what it adds."""
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    surrogate.ngrams.learn(passages(3, seed=2))
    surrogate.vectors[:VOCABULARY] = normals(VOCABULARY, DIMENSION, seed=3)
    e = F.normalize(surrogate.vectors[VOCABULARY - 1].float(), dim=0).expand(3, -1)
    found = substitutions(surrogate, e, *near[1:], torch.zeros(VOCABULARY), 9)
    assert all(len(set(map(tuple, texts))) == 9 for texts in found.tolist())
    assert ((found != near[2][:, None]).sum(2) == 1).all()


def test_there_are_no_more_substitutions_than_other_texts(surrogate, near):
    found = substitutions(surrogate, *near, torch.zeros(VOCABULARY), 10_000)
    for texts, own in zip(found.tolist(), near[2].tolist(), strict=True):
        every = set(map(tuple, every_substitution(surrogate, own, set())))
        assert set(map(tuple, texts)) - {tuple(own)} == every


def test_what_is_barred_or_was_never_seen_is_not_proposed_where_there_is_nothing_else(near):
    surrogate = Surrogate(VOCABULARY, DIMENSION)
    surrogate.vectors[:8] = normals(8, DIMENSION, seed=3)
    barred = torch.zeros(VOCABULARY)
    barred[:6] = -torch.inf
    ids = near[2].clamp_min(9)
    found = substitutions(surrogate, *near[:2], ids, barred, 20)
    changed = found != ids[:, None]
    assert (changed.sum(2) <= 1).all() and torch.isin(found[changed], torch.tensor([6, 7])).all()
    assert changed.any(2).sum(1).tolist() == [2 * LENGTH] * 3


@pytest.mark.parametrize("length", [1, 2])
def test_texts_of_one_or_two_tokens_have_substitutions_as_well(surrogate, near, length):
    e, vector, ids = near
    found = substitutions(surrogate, e, vector, ids[:, :length], torch.zeros(VOCABULARY), 5)
    assert found.shape == (3, 5, length) and (found != ids[:, None, :length]).any(2).all()


@pytest.mark.parametrize("size", [1, 7])
def test_what_it_says_does_not_depend_on_the_batch_size(corrector, size, monkeypatch):
    corrector.surrogate.ngrams.learn(passages(200, seed=11))
    corrector.surrogate.vectors[:-1] = normals(len(corrector.surrogate.vectors) - 1, 5, seed=7)
    reading = generate.read_targets(corrector, F.normalize(normals(3, 5, seed=8), dim=1))
    rows, ids = torch.tensor([2, 0, 0]), passages(3, seed=9)
    vectors = F.normalize(normals(3, 5, seed=10), dim=1)

    def said():
        known = corrector.surrogate.known(corrector.barred)
        found = judging.substitute(corrector, reading, known, rows, vectors, ids, 6)
        near = judging.predict(corrector, reading, rows, vectors, ids, found)
        seen = [found[0][:4], found[1][:1], found[2][:2]]
        of_seen = [normals(len(each), 5, seed=12) for each in seen]
        left = [found[0][4:], found[1][1:], found[2][2:3]]
        return found, near, *judging.expect(corrector, reading, rows, seen, of_seen, left)

    expected = said()
    monkeypatch.setattr(batched, "BATCH", {"cpu": size})
    found = said()
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1:], expected[1:])
