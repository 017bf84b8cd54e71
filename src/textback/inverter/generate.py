"""Texts in bulk from trained models: batched over any number of rows."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from textback.device import out_of_memory
from textback.errors import TextbackError
from textback.inverter import decoding, edits, surrogate
from textback.inverter.model import Inverter, Read
from textback.inverter.readers import Projection
from textback.progress import Meter, log

T = TypeVar("T")
BATCH = {"cpu": 512, "cuda": 32_768}  # tokens written, or judged, together
_fitting: dict[str, int] = {}  # of them, by device, once so many did not fit


@torch.inference_mode()
def guess(
    model: Inverter, target: Tensor, length: int, label: str | None = None, width: int = 1
) -> Tensor:
    """The hypothesizer's likeliest passages a beam search finds, e (n, dim) → ids (n, length)."""

    def decode(rows: slice) -> Tensor:
        return decoding.beam_search(model, model.read(target[rows]), length, width)[0][:, 0]

    return torch.cat(_in_batches(decode, target, width, label))


@torch.inference_mode()
def sample(
    model: Inverter,
    target: Tensor,
    length: int,
    how: decoding.Drawing,
    seed: int,
    label: str | None = None,
    given: Tensor | None = None,
) -> Tensor:
    """Passages drawn from the hypothesizer, e (n, dim) → ids (n, length).

    By chances that a row has to itself, whatever the device and the batch. given: as for
    `decoding.sample`
    """
    generator = torch.Generator().manual_seed(seed)
    chances = torch.rand(len(target), length, generator=generator).to(target.device)

    def decode(rows: slice) -> Tensor:
        part = None if given is None else given[rows]
        return decoding.sample(model, model.read(target[rows]), length, how, chances[rows], part)

    return torch.cat(_in_batches(decode, target, 1, label))


@dataclass(frozen=True)
class Reading:
    """Targets e, (n, dim), and what a corrector makes of them, once a text."""

    targets: Tensor
    projected: Projection

    def of(self, rows: Tensor) -> tuple[Projection, Tensor]:
        """The projections and targets of some rows, (m,)."""
        inputs, shared = self.projected
        return (inputs[rows], None if shared is None else shared[rows]), self.targets[rows]


@torch.inference_mode()
def read_targets(model: Inverter, targets: Tensor) -> Reading:
    """What a corrector reads of e, (n, dim)."""
    return Reading(targets, model.reader.project(targets, 0))


@torch.inference_mode()
def correct(
    model: Inverter,
    reading: Reading,
    rows: Tensor,
    vector: Tensor,
    ids: Tensor,
    width: int,
    label: str | None = None,
) -> tuple[Tensor, Tensor]:
    """The corrector's `width` likeliest passages, and their log-likelihoods.

    As many as it has tokens to write, where those are fewer.

    rows: of the reading, (m,); vector: ê (m, dim); ids: x̂ (m, length) → (m, width, length) and
    (m, width)
    """
    length, width = ids.shape[1], min(width, model.writable)

    def decode(part: slice) -> tuple[Tensor, Tensor]:
        projected, target = reading.of(rows[part])
        read = model.read_projected(projected, target, vector[part], ids[part])
        return decoding.beam_search(model, read, length, width)

    found, likelihoods = zip(*_in_batches(decode, ids, width, label), strict=True)
    return torch.cat(found), torch.cat(likelihoods)


@torch.inference_mode()
def read_once(model: Inverter, targets: Tensor) -> Read:
    """What a hypothesizer has read of e, (n, dim), once a text."""
    parts = _in_batches(lambda rows: model.read(targets[rows]), targets, 1, None)
    return Read.joined(parts)


@torch.inference_mode()
def edit(
    model: Inverter,
    read: Read,
    rows: Tensor,
    ids: Tensor,
    width: int,
    near: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """About `width` edits of hypotheses, half of them moves, and their log-likelihoods.

    After them others that are given, judged likewise: by what the hypothesizer expects of e alone,
    so that edits of several hypotheses compare. Fewer where so short a text has not as many; some
    may be the same.

    read: see `read_once`; rows: of it, (m,); ids: x̂ (m, length); near: other edits, (m, k, length),
    see `substitute` → (m, width + k, length), (m, width + k)
    """
    length = ids.shape[1]

    def propose(part: slice) -> Tensor:
        logp = model.log_likelihoods(ids[part], read.of(rows[part]))
        kinds = (edits.moves, edits.substitutions)
        return torch.cat([kind(logp, ids[part], width // 2) for kind in kinds], 1)

    found = torch.cat(_in_batches(propose, ids, length + 1, None))
    found = found if near is None else torch.cat([found, near], 1)
    texts, sources = found.flatten(0, 1), rows.repeat_interleave(found.shape[1])

    # In one place: a small result after each batch's temporaries keeps glibc from reusing their
    # memory, which grew to gigabytes.
    nll = torch.empty(len(texts), device=texts.device)

    def judge(part: slice) -> None:
        nll[part] = model.nll_read(texts[part], read.of(sources[part])).sum(1)

    _in_batches(judge, texts, length, None)
    return found, -nll.view(found.shape[:2])


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

    found = zip(*_in_batches(propose, ids, ids.shape[1], None), strict=True)
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

    return torch.cat(_in_batches(cosines, ids, candidates.shape[1], None))


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
    return [*itertools.chain.from_iterable(_in_batches(padded, targets, tokens, None))]


def _in_batches(
    decode: Callable[[slice], T], rows: Tensor, tokens: int, label: str | None
) -> list[T]:
    """Decode slices over rows, so many that a batch has about BATCH tokens.

    tokens: of a row at once, such as one of each sequence that is written of it

    From where the device runs out of memory on it has half as many, in later calls, too. Raises
    TextbackError where not even one row fits.
    """
    device, start, found = rows.device.type, 0, []
    size = max(1, min(BATCH[device], _fitting.get(device, math.inf)) // tokens)
    meter = None if label is None else Meter(label, len(rows), "passages")
    while start < len(rows):
        part = slice(start, min(start + size, len(rows)))
        try:
            found.append(decode(part))
        except Exception as error:
            if not out_of_memory(error):
                raise
            size = _halved(part.stop - part.start, tokens)
            _fitting[device] = size * tokens
            continue
        start = part.stop
        if meter is not None:
            meter.advance(part.stop - part.start)
    if meter is not None:
        meter.close()
    return found


def _halved(size: int, tokens: int) -> int:
    if size == 1:
        raise TextbackError(
            f"decoding: the device has no memory for {tokens} tokens of one text at a time: choose "
            "a smaller beam, breadth or backbone"
        )
    log.info("decoding: out of memory, %d texts a batch instead of %d", size // 2, size)
    return size // 2
