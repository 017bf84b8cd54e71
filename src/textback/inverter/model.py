"""The inverter's network: a reader of vectors, and a backbone that writes the text.

    hypothesizer  reads e
    corrector     reads e, ê, e − ê and the tokens of the hypothesis x̂
    null model    reads nothing (a vector of one zero)

After Morris et al. 2023, section 3; what is ours is told in `readers.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from textback.config import Backbone as BackboneEntry
from textback.errors import TextbackError
from textback.inverter import backbones
from textback.inverter.backbones.t5 import T5Backbone
from textback.inverter.losses import fused_nll, plain_nll
from textback.inverter.readers import PaperReader, Projection, Reader, TextbackReader
from textback.inverter.surrogate import Surrogate


@dataclass(frozen=True)
class Read:
    """What a model has read of n texts, ready to be written from.

    memory: (n, inputs, d_model), of the backbone; shared: logits that the reader adds at every
    position, (n, vocabulary), or none; draft: what it adds to the input of each token that is
    written, (n, length, d_model), or none
    """

    memory: Tensor
    shared: Tensor | None
    draft: Tensor | None

    def of(self, rows: Tensor) -> "Read":
        """Of some texts, (m,), each as often as it is named."""
        parts = (self.memory, self.shared, self.draft)
        return Read(*(None if part is None else part[rows] for part in parts))

    @classmethod
    def joined(cls, parts: "Sequence[Read]") -> "Read":
        """Of all their texts."""
        columns = zip(*((part.memory, part.shared, part.draft) for part in parts), strict=True)
        return cls(*(None if column[0] is None else torch.cat(column) for column in columns))


class Inverter(nn.Module):
    """A hypothesizer, a corrector or a null model: they differ in the vectors they read.

    dimension: of the vectors; ways: 1 for a hypothesizer or null model, 3 for a corrector.
    backbone: by its entry, or one that is there already.
    barred: (vocabulary,), -inf for tokens that are never written, else 0.
    feedback: whether a corrector sees ê; one that does not is shown e in its place.
    surrogate: a corrector's, of the embedder; none of a hypothesizer or null model.
    """

    def __init__(
        self,
        entry: BackboneEntry,
        vocabulary: int,
        dimension: int,
        ways: int,
        backbone: backbones.Backbone | None = None,
    ) -> None:
        super().__init__()
        self.entry, self.dimension, self.ways = entry, dimension, ways
        self.feedback = True
        self.backbone = backbones.new(entry, vocabulary) if backbone is None else backbone
        self.vocabulary = self.backbone.vocabulary
        self.reader = _reader(entry, self.backbone, dimension, ways)
        self.register_buffer("barred", torch.zeros(self.vocabulary))
        self.surrogate = Surrogate(self.vocabulary, dimension) if ways > 1 else None

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.barred.device

    @property
    def writable(self) -> int:
        """How many tokens may be written."""
        return int(torch.isfinite(self.barred).sum())

    def bar(self, tokens: list[int]) -> None:
        """Never write these tokens."""
        self.barred[tokens] = -torch.inf

    def check_fits(self, path: Path, vocabulary: int, dimension: int, ways: int) -> None:
        """Raise TextbackError where the model, read from `path`, was made for other data."""
        if (self.dimension, self.ways) != (dimension, ways) or self.vocabulary < vocabulary:
            raise TextbackError(
                f"model {path}: was made for {self.vocabulary} tokens, {self.dimension} dimensions "
                f"and {self.ways} vector(s), not for {vocabulary}, {dimension} and {ways}: "
                "delete it and run the same command again"
            )

    def read(
        self, target: Tensor, guess: Tensor | None = None, guess_ids: Tensor | None = None
    ) -> Read:
        """Read e, and for a corrector also ê, e − ê and x̂.

        target: e, (n, dim); guess: ê, (n, dim); guess_ids: x̂, (n, length)
        """
        return self.read_projected(self.reader.project(target, 0), target, guess, guess_ids)

    def read_projected(
        self,
        projected: Projection,
        target: Tensor,
        guess: Tensor | None = None,
        guess_ids: Tensor | None = None,
    ) -> Read:
        """As `read`, where e's projection is there already: `reader.project(target, 0)`."""
        parts, tokens = [projected], None
        if guess is not None and guess_ids is not None:
            guess = guess if self.feedback else target
            parts += [self.reader.project(guess, 1), self.reader.project(target - guess, 2)]
            tokens = self.backbone.embed(guess_ids)
        joined = self.reader.join(parts, tokens, self.backbone.specials())
        memory = self.backbone.read(joined.inputs, joined.unseen)
        return Read(memory, joined.shared, joined.draft)

    def logits(self, hidden: Tensor, shared: Tensor | None) -> Tensor:
        """Hidden states (n, t, d_model) → logits (n, t, vocabulary) float32, barred tokens -inf."""
        logits = (hidden @ self.backbone.output_weight().T).float()
        return logits.add_(self.barred if shared is None else (shared + self.barred)[:, None])

    def nll(self, ids: Tensor, *inputs: Tensor) -> Tensor:
        """Negative log-likelihood of passages, (n, length) → (n, length), in nats.

        inputs: as for `read`. Over the whole vocabulary: tokens that are barred from being written
        take part, as they do in training.
        """
        return self.nll_read(ids, self.read(*inputs))

    def nll_read(self, ids: Tensor, read: Read) -> Tensor:
        """As `nll`, of what is read already."""
        hidden = self.backbone.write(read.memory, ids[:, :-1], read.draft)
        return plain_nll(hidden, self.backbone.output_weight(), read.shared, ids)

    def log_likelihoods(self, ids: Tensor, read: Read) -> Tensor:
        """Of each token after each beginning of passages, from none to the whole.

        Of what a hypothesizer has read: a draft has no place after the whole, where no training has
        been either. ids: (n, length) → (n, length + 1, vocabulary), in nats; barred tokens -inf
        """
        hidden = self.backbone.write(read.memory, ids, read.draft)
        return self.logits(hidden, read.shared).log_softmax(-1)

    def forward(self, ids: Tensor, *inputs: Tensor) -> Tensor:
        """The training loss: mean of `nll`, (), in nats a token."""
        read = self.read(*inputs)
        hidden = self.backbone.write(read.memory, ids[:, :-1], read.draft)
        return fused_nll(hidden, self.backbone.output_weight(), read.shared, ids)

    def start_from(self, hypothesizer: "Inverter") -> None:
        """Take over everything a hypothesizer has learned."""
        self.load_state_dict(hypothesizer.state_dict(), strict=False)
        self.reader.begin_correcting()


def _reader(
    entry: BackboneEntry, backbone: backbones.Backbone, dimension: int, ways: int
) -> Reader:
    d_model, tokens = backbone.d_model, entry.embedding_tokens
    if entry.form == "paper":
        if not isinstance(backbone, T5Backbone):
            raise TextbackError("backbone: form 'paper' is a T5's: set family: t5")
        return PaperReader(dimension, d_model, tokens, ways, entry.dropout)
    return TextbackReader(dimension, d_model, backbone.vocabulary, tokens, ways)
