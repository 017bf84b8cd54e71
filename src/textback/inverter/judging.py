"""What may be tried instead of hypotheses, and how good it promises to be, in bulk.

Edits, as the hypothesizer and a surrogate propose them; how likely the hypothesizer finds them; and
how near texts are predicted to be that were not embedded.
"""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from textback.inverter import edits, surrogate
from textback.inverter.batched import in_batches
from textback.inverter.generate import Reading
from textback.inverter.model import Inverter, Read


@torch.inference_mode()
def read_once(model: Inverter, targets: Tensor) -> Read:
    """What a hypothesizer has read of e, (n, dim), once a text."""
    parts = in_batches(lambda rows: model.read(targets[rows]), targets, 1)
    return Read.joined(parts)


@torch.inference_mode()
def edit(model: Inverter, read: Read, rows: Tensor, ids: Tensor, width: int) -> Tensor:
    """About `width` edits of hypotheses, half of them moves, that the hypothesizer proposes.

    Fewer where so short a text has not as many; some may be the same.

    read: see `read_once`; rows: of it, (m,); ids: x̂ (m, length) → (m, width, length)
    """
    length = ids.shape[1]

    def propose(part: slice) -> Tensor:
        logp = model.log_likelihoods(ids[part], read.of(rows[part]))
        kinds = (edits.moves, edits.substitutions)
        return torch.cat([kind(logp, ids[part], width // 2) for kind in kinds], 1)

    return torch.cat(in_batches(propose, ids, length + 1))


@torch.inference_mode()
def judge(model: Inverter, read: Read, rows: Tensor, ids: Tensor) -> Tensor:
    """The log-likelihoods of texts, (m, length) → (m,).

    By what the hypothesizer expects of e alone, so that edits of several hypotheses compare.

    read: see `read_once`; rows: of it, (m,)
    """
    # In one place: a small result after each batch's temporaries keeps glibc from reusing their
    # memory, which grew to gigabytes.
    nll = torch.empty(len(ids), device=ids.device)

    def measure(part: slice) -> None:
        nll[part] = model.nll_read(ids[part], read.of(rows[part])).sum(1)

    in_batches(measure, ids, ids.shape[1])
    return -nll


@torch.inference_mode()
def substitute(
    model: Inverter,
    reading: Reading,
    known: list[surrogate.Known],
    rows: Tensor,
    vector: Tensor,
    ids: Tensor,
    most: int,
) -> Tensor:
    """The substitutions that a corrector's surrogate predicts to be nearest to e.

    known: what the surrogate can propose; rows: of the reading, (m,); vector: ê (m, dim); ids: x̂
    (m, length) → (m, `most`, length), or fewer where so short a text has not as many
    """

    def propose(part: slice) -> tuple[Tensor, Tensor]:
        near = reading.targets[rows[part]], vector[part], ids[part]
        return model.surrogate.shortlist(*near, known, surrogate.SHORTLIST * most)

    found = zip(*in_batches(propose, ids, ids.shape[1]), strict=True)
    texts, allowed = map(torch.cat, found)
    cosines = predict(model, reading, rows, vector, ids, texts)
    return surrogate.nearest(ids, texts, allowed, cosines, most)


@torch.inference_mode()
def predict(
    model: Inverter,
    reading: Reading,
    rows: Tensor,
    vector: Tensor,
    ids: Tensor,
    candidates: Tensor,
) -> Tensor:
    """The cosines to e that a corrector's surrogate predicts of candidates near x̂.

    rows: of the reading, (m,); vector: ê (m, dim); ids: x̂ (m, length); candidates: (m, k, length)
    → (m, k)
    """

    def cosines(part: slice) -> Tensor:
        near = reading.targets[rows[part]], vector[part], ids[part]
        return model.surrogate.cosines(*near, candidates[part])

    return torch.cat(in_batches(cosines, ids, candidates.shape[1]))


@torch.inference_mode()
def expect(
    model: Inverter,
    reading: Reading,
    rows: Tensor,
    ids: Sequence[Tensor],
    vectors: Sequence[Tensor],
    candidates: Sequence[Tensor],
) -> list[Tensor]:
    """The cosines to e of candidates, given texts that were embedded, by a corrector's surrogate.

    rows: of the reading, (m,); of each row ids and vectors of the texts, (n, length) and (n, dim),
    and candidates, (k, length) → of each row (k,); all on the CPU but the rows
    """

    def cosines(part: slice, *given: Tensor) -> Tensor:
        return model.surrogate.expected_cosines(reading.targets[rows[part]], *given)

    return _of_several(cosines, rows.device, ids, vectors, candidates)


@torch.inference_mode()
def imagine(
    model: Inverter,
    ids: Sequence[Tensor],
    vectors: Sequence[Tensor],
    candidates: Sequence[Tensor],
) -> list[Tensor]:
    """The embeddings that a corrector's surrogate expects of candidates, given texts' embeddings.

    ids, vectors and candidates: as for `expect` → of each row (k, dim)
    """

    def embeddings(part: slice, *given: Tensor) -> Tensor:
        return model.surrogate.expected(*given)

    return _of_several(embeddings, model.device, ids, vectors, candidates)


def _of_several(
    measure: Callable[..., Tensor],
    device: torch.device,
    ids: Sequence[Tensor],
    vectors: Sequence[Tensor],
    candidates: Sequence[Tensor],
) -> list[Tensor]:
    """What is measured of each target's candidates, in batches of targets, on the CPU.

    measure: a slice of targets, their ids and vectors, which of these there are, and candidates,
    all padded → (m, k, …); the others: as for `expect`
    """
    tokens = candidates[0].shape[1] * sum(max(map(len, each)) for each in (ids, candidates))

    def padded(part: slice) -> list[Tensor]:
        there = [torch.ones(len(each), dtype=torch.bool) for each in ids[part]]
        columns = ids[part], vectors[part], there, candidates[part]
        given = (pad_sequence(each, batch_first=True).to(device) for each in columns)
        found = measure(part, *given).cpu()
        return [row[: len(each)] for row, each in zip(found, candidates[part], strict=True)]

    targets = torch.arange(len(ids), device=device)
    return [*itertools.chain.from_iterable(in_batches(padded, targets, tokens))]
