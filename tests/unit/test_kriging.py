"""Embeddings that are expected given those of texts like them, against a plain Gaussian process."""

import numpy as np
import pytest
import torch

from textback.inverter import kriging
from textback.inverter.kriging import ANYWHERE, IN_PLACE, NOISE

VOCABULARY = 5  # few, so that texts share much
DIMENSION = 4


def texts(n, length, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCABULARY, (n, length), generator=generator)


def normals(n, seed):
    return torch.randn(n, DIMENSION, generator=torch.Generator().manual_seed(seed))


def shared(x, y):
    """What two texts share, as the module says it."""
    length = len(x)
    total = sum(IN_PLACE for a, b in zip(x, y, strict=True) if a == b)
    for tokens, weight in ANYWHERE:
        runs = [
            [tuple(text[at + token] for token in tokens) for at in range(length - tokens[-1])]
            for text in (x, y)
        ]
        total += weight * sum(a == b for a in runs[0] for b in runs[1])
    return 1 + total / length


def expected(ids, vectors, new, by_itself):
    """Of one target alone."""
    there = torch.ones(1, len(ids), dtype=torch.bool)
    given = (each[None] for each in (ids, vectors))
    return kriging.expected(*given, there, new[None], by_itself[None])[0]


def plain(ids, vectors, new, by_itself):
    """Rasmussen and Williams 2006, equation 2.38, one text at a time in float64."""
    n, every = len(ids), [*ids.tolist(), *new.tolist()]
    vectors, by_itself = vectors.double().numpy(), by_itself.double().numpy()
    scale = (by_itself[:n] ** 2).sum(1).mean()
    kernel = np.zeros((len(every), n))
    for i, j in np.ndindex(kernel.shape):
        apart = ((by_itself[i] - by_itself[j]) ** 2).sum()
        kernel[i, j] = 1 + np.exp(-apart / scale) * shared(every[i], every[j])
    away = np.linalg.solve(kernel[:n] + NOISE * np.eye(n), vectors - by_itself[:n])
    return by_itself[n:] + kernel[n:] @ away


@pytest.mark.parametrize("length", [1, 2, 3, 6])
@pytest.mark.parametrize("n", [1, 12])
def test_it_is_a_gaussian_process_on_what_texts_share(length, n):
    ids, new, vectors = texts(n, length, 1), texts(7, length, 2), normals(n, 3)
    by_itself = normals(n + 7, 4)
    found = expected(ids, vectors, new, by_itself)
    np.testing.assert_allclose(found, plain(ids, vectors, new, by_itself), atol=2e-5, rtol=1e-4)


def test_a_text_that_was_embedded_many_times_is_expected_where_it_lies():
    ids, vectors = texts(1, 6, 1).repeat(500, 1), normals(1, 3).repeat(500, 1)
    found = expected(ids, vectors, ids[:1], torch.zeros(501, DIMENSION))
    torch.testing.assert_close(found, vectors[:1], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("far", "left"), [(False, 2), (True, 1)])
def test_of_texts_that_share_nothing_only_the_common_error_of_the_surrogate_is_known(far, left):
    """The less so where the surrogate sees them far apart."""
    ids, vectors = torch.zeros(40, 6, dtype=torch.long), torch.full((40, DIMENSION), 3.0)
    new, by_itself = torch.full((1, 6), 4), torch.full((41, DIMENSION), 2.0)
    by_itself[40:] *= 9 if far else 1
    away = float((expected(ids, vectors, new, by_itself) - by_itself[40:]).mean())
    assert away == pytest.approx(left / (1 + shared([0] * 6, [0] * 6)), rel=0.01)


def test_what_lies_far_away_by_itself_says_no_more_though_its_tokens_are_the_same():
    ids, vectors = torch.zeros(40, 6, dtype=torch.long), torch.full((40, DIMENSION), 3.0)
    by_itself = torch.full((42, DIMENSION), 2.0)
    by_itself[40:] *= 9
    found = expected(ids, vectors, torch.tensor([[0] * 6, [4] * 6]), by_itself)
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("vocabulary", [VOCABULARY, 250_002])
def test_of_several_targets_each_has_its_own_texts_of_which_what_is_not_there_counts_nothing(
    vocabulary,
):
    numbers, n, m = (7, 3, 1), 7, 4
    ids = torch.stack([vocabulary - 1 - texts(n, 6, seed) for seed in range(3)])
    new = torch.stack([vocabulary - 1 - texts(m, 6, seed) for seed in range(3, 6)])
    vectors = torch.stack([normals(n, seed) for seed in range(3)])
    by_itself = torch.stack([normals(n + m, seed) for seed in range(3, 6)])
    there = (torch.arange(n) < torch.tensor(numbers)[:, None]).flip(1)  # the last of each
    found = kriging.expected(ids, vectors, there, new, by_itself)
    for row, number in enumerate(numbers):
        own_ones = slice(n - number, n)
        own = by_itself[row, n - number :]
        alone = plain(ids[row, own_ones], vectors[row, own_ones], new[row], own)
        np.testing.assert_allclose(found[row], alone, atol=2e-5, rtol=1e-4)
