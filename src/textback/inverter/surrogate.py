"""A linear surrogate of the embedder: what each token adds to a text's embedding.

    φ(x) ≈ mean + Σ tokens[x]

by ridge regression on training passages. Of a text near x̂, whose embedding ê is known, it predicts

    φ(x) ≈ ê + DAMPED · (Σ tokens[x] − Σ tokens[x̂])

and so how near e it lies, before it is embedded. It knows nothing of the order of words, and of
passages of one length: in longer texts a token changes less than it says, in shorter ones more.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROWS = 50_000  # training passages that it is fitted to
RIDGE = 10.0  # passages that a token is seen in beside, where it adds nothing
ITERATIONS = 20  # of conjugate gradients: the cosine of what is predicted stands still from ten on
DAMPED = 0.7  # a token changes an embedding less where the others are the same


class Surrogate(nn.Module):
    """See the module's docstring.

    tokens: (vocabulary, dim), zeros before it is fitted
    """

    tokens: Tensor

    def __init__(self, vocabulary: int, dimension: int) -> None:
        super().__init__()
        self.register_buffer("tokens", torch.zeros(vocabulary, dimension))

    @property
    def fitted(self) -> bool:
        """Whether it predicts anything; waits for the device."""
        return bool(self.tokens.any())

    @torch.no_grad()
    def fit(self, ids: Tensor, embeddings: Tensor) -> None:
        """Learn from passages, ids (n, length), and their embeddings, (n, dim)."""
        self.tokens.copy_(_ridge(ids, embeddings - embeddings.mean(0), len(self.tokens)))

    def cosines(self, target: Tensor, vector: Tensor, ids: Tensor, candidates: Tensor) -> Tensor:
        """The predicted cosines to e of candidates near x̂, (m, k, length) → (m, k).

        target: e, (m, dim); vector: ê, (m, dim); ids: x̂, (m, length)
        """
        changed = self._sums(candidates) - self._sums(ids[:, None])
        return F.cosine_similarity(vector[:, None] + DAMPED * changed, target[:, None], dim=2)

    def substitutions(
        self, target: Tensor, vector: Tensor, ids: Tensor, barred: Tensor, most: int
    ) -> Tensor:
        """The texts nearest to e, as predicted, that differ from x̂ in one token.

        Only of tokens that training passages had. As for `cosines`; barred: (vocabulary,), -inf
        for what is never written → (m, `most`, length), where there are not as many x̂ itself, too
        """
        tokens, length = DAMPED * self.tokens, ids.shape[1]
        rest = vector[:, None] - tokens[ids]
        dot = (rest @ target[..., None]) + (target @ tokens.T)[:, None]
        square = rest.square().sum(2, keepdim=True) + 2 * rest @ tokens.T + tokens.square().sum(1)
        unseen = (tokens == 0).all(1)  # of which nothing is known
        cosines = (dot / square.clamp_min(1e-12).sqrt() + barred).masked_fill(unseen, -torch.inf)
        cosines = cosines.scatter(2, ids[..., None], -torch.inf).flatten(1)
        best, chosen = cosines.topk(min(most, cosines.shape[1] - length))
        place, token = chosen // len(tokens), chosen % len(tokens)
        token = torch.where(best.isneginf(), ids.gather(1, place), token)  # there are not as many
        repeated = ids[:, None].repeat(1, place.shape[1], 1)
        return repeated.scatter(2, place[..., None], token[..., None])

    def _sums(self, ids: Tensor) -> Tensor:
        """What the tokens of texts add together, (…, length) → (…, dim)."""
        return _sums(self.tokens, ids.flatten(0, -2)).unflatten(0, ids.shape[:-1])


def _sums(tokens: Tensor, ids: Tensor) -> Tensor:
    return F.embedding_bag(ids, tokens, mode="sum")


def _ridge(ids: Tensor, wanted: Tensor, vocabulary: int) -> Tensor:
    """Ridge regression of vectors, (n, dim), on counts of tokens, (vocabulary, dim).

    By preconditioned conjugate gradients (Saad 2003, algorithm 9.1), each dimension for itself: the
    normal equations of a large vocabulary would not fit in memory.
    """
    length = ids.shape[1]

    def spread(rows: Tensor) -> Tensor:
        """Each passage's vector to its tokens, (n, dim) → (vocabulary, dim)."""
        to = wanted.new_zeros(vocabulary, rows.shape[1])
        for place in range(length):
            to.index_add_(0, ids[:, place], rows)
        return to

    scale = torch.bincount(ids.flatten(), minlength=vocabulary)[:, None] + RIDGE
    found, left = wanted.new_zeros(vocabulary, wanted.shape[1]), spread(wanted)
    ahead = scaled = left / scale
    product = (left * scaled).sum(0)
    for _ in range(ITERATIONS):
        bent = spread(_sums(ahead, ids)) + RIDGE * ahead
        step = product / (ahead * bent).sum(0).clamp_min(1e-30)
        found, left = found + step * ahead, left - step * bent
        scaled = left / scale
        before, product = product, (left * scaled).sum(0)
        ahead = scaled + product / before.clamp_min(1e-30) * ahead
    return found
