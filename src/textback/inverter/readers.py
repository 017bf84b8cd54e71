"""How an inverter reads vectors: what it makes of e, ê and e − ê for its backbone.

A reader turns each vector into a *projection*, which depends on nothing else, so that a search
computes that of e once a text; `join` then lays projections and the tokens of x̂ side by side.

    textback   a vector becomes `embedding_tokens` backbone inputs by an MLP, and logits of the
               vocabulary by a linear *lexical head*, added at every position: it learns within
               seconds which words a vector speaks of, and leaves the order to the backbone.
               Vectors are centred and scaled, so that every embedder looks alike to the network.
               Each token of x̂ also lies, as a *draft*, under the token that is written in its
               place: small models learn to copy from there long before they find it by attention
    paper      Morris et al. 2023, section 3.1, as published in vec2text 0.0.13: an MLP as wide as
               the vector, separators between the parts, a layer norm over a corrector's inputs,
               and before x̂ its start token, which holds a place but is not attended to
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

Projection = tuple[Tensor, Tensor | None]  # inputs (n, tokens, d_model), logits (n, vocabulary)


@dataclass(frozen=True)
class Joined:
    """All that is read, side by side.

    inputs: of the backbone, (n, inputs, d_model); shared: logits for every position,
    (n, vocabulary), or none; draft: added to the input of each token that is written,
    (n, length, d_model), or none; unseen: the input that only holds a place, if any
    """

    inputs: Tensor
    shared: Tensor | None = None
    draft: Tensor | None = None
    unseen: int | None = None


class Reader(Protocol):
    """What an inverter needs of its reader; `ways` is 1 for a hypothesizer, 3 for a corrector."""

    ways: int

    def fit_scale(self, embeddings: Tensor) -> None:
        """See training embeddings, (n, dim), before the first step."""

    def begin_correcting(self) -> None:
        """Make of what a hypothesizer has learned to read of e a corrector's beginning."""

    def project(self, vector: Tensor, way: int) -> Projection:
        """Read e (way 0), ê (1) or e − ê (2), (n, dim)."""

    def join(self, parts: list[Projection], guess: Tensor | None, specials: Tensor) -> Joined:
        """Lay side by side all that is read.

        guess: the embedded tokens of x̂, (n, length, d_model); specials: the embedded start token
        and separator, (2, d_model)
        """


class TextbackReader(nn.Module):
    """See the module's docstring."""

    def __init__(self, dimension: int, d_model: int, vocabulary: int, tokens: int, ways: int):
        super().__init__()
        self.ways, self.d_model = ways, d_model
        self.adapters = nn.ModuleList(
            nn.Sequential(
                nn.Linear(dimension, 2 * d_model),
                nn.GELU(),
                nn.Linear(2 * d_model, tokens * d_model),
            )
            for _ in range(ways)
        )
        self.lexical = nn.ModuleList(nn.Linear(dimension, vocabulary) for _ in range(ways))
        for head in self.lexical:
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.drafts = nn.Linear(d_model, d_model, bias=False) if ways > 1 else None
        if self.drafts is not None:
            nn.init.zeros_(self.drafts.weight)
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("spread", torch.ones(()))

    def fit_scale(self, embeddings: Tensor) -> None:
        """Centre on the embeddings' mean and divide by their components' standard deviation."""
        self.mean.copy_(embeddings.mean(0))
        self.spread.copy_(embeddings.std(0).mean().clamp_min(1e-6))

    @torch.no_grad()
    def begin_correcting(self) -> None:
        """Which words e − ê speaks of, the lexical head knows: it is linear."""
        self.lexical[2].weight.copy_(self.lexical[0].weight)

    def project(self, vector: Tensor, way: int) -> Projection:
        """See `Reader.project`."""
        centred = (vector if way == 2 else vector - self.mean) / self.spread
        inputs = self.adapters[way](centred).view(len(vector), -1, self.d_model)
        return inputs, self.lexical[way](centred)

    def join(self, parts: list[Projection], guess: Tensor | None, specials: Tensor) -> Joined:
        """See `Reader.join`; special tokens are not used."""
        inputs = [tokens for tokens, _ in parts] + ([] if guess is None else [guess])
        logits = torch.stack([logits for _, logits in parts]).sum(0)
        draft = None if guess is None else self.drafts(guess)
        return Joined(torch.cat(inputs, 1), logits, draft)


class PaperReader(nn.Module):
    """See the module's docstring. dropout: of the hypothesizer's MLP; a corrector's has none."""

    def __init__(self, dimension: int, d_model: int, tokens: int, ways: int, dropout: float):
        super().__init__()
        self.ways, self.d_model = ways, d_model
        self.adapters = nn.ModuleList(
            nn.Sequential(
                nn.Linear(dimension, dimension),
                nn.Dropout(dropout if ways == 1 else 0.0),
                nn.GELU(),
                nn.Linear(dimension, tokens * d_model),
            )
            for _ in range(ways)
        )
        self.norm = nn.LayerNorm(d_model) if ways > 1 else nn.Identity()

    def fit_scale(self, embeddings: Tensor) -> None:
        """Nothing: the paper's inverter reads vectors as they are."""

    def begin_correcting(self) -> None:
        """Nothing: the paper's corrector takes over the backbone and what reads e."""

    def project(self, vector: Tensor, way: int) -> Projection:
        """See `Reader.project`."""
        return self.adapters[way](vector).view(len(vector), -1, self.d_model), None

    def join(self, parts: list[Projection], guess: Tensor | None, specials: Tensor) -> Joined:
        """See `Reader.join`: a hypothesizer's input is e; a corrector's `· e · ê · (e − ê) · x̂`."""
        if guess is None:
            return Joined(parts[0][0])
        start, between = (token.expand(len(guess), 1, -1) for token in specials)
        inputs = [x for tokens, _ in parts for x in (between, tokens)] + [between]
        unseen = sum(x.shape[1] for x in inputs)
        return Joined(self.norm(torch.cat([*inputs, start, guess], 1)), unseen=unseen)
