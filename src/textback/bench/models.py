"""Inverters of random weights, and random data for them, of the shapes that a study has."""

import torch
import torch.nn.functional as F

from textback.bench.choices import PARTS
from textback.config import Backbone
from textback.inverter.batches import Data
from textback.inverter.data import Reduce
from textback.inverter.model import Inverter
from textback.inverter.ngrams import KEPT, WIDEST
from textback.inverter.readers import TextbackReader
from textback.inverter.room import room_for
from textback.reductions import Projection
from textback.tokenizer import PAD

SMALL = 0.05  # times a T5's first embeddings, whose size would have it repeat one word for ever
WAYS = dict(zip(PARTS, (1, 3), strict=True))  # vectors that each part of an inverter reads


def random_model(
    entry: Backbone, part: str, vocabulary: int, dimension: int, device: str
) -> Inverter:
    """An inverter of random weights, which writes many texts, depending on what it reads.

    Raises TextbackError for a form that the family does not have, and where it has no room.
    """
    torch.manual_seed(0)
    with room_for(entry, vocabulary, dimension, WAYS[part], device):
        model = Inverter(entry, vocabulary, dimension, WAYS[part])
        if entry.family == "t5":
            model.backbone.token_embedding().data.mul_(SMALL)
        if isinstance(model.reader, TextbackReader):
            for head in model.reader.lexical:  # which begin as zeros
                torch.nn.init.normal_(head.weight, std=dimension**-0.5)
        model.reader.fit_scale(_unit_vectors(1024, dimension))
        if model.surrogate is not None:
            model.surrogate.ngrams.learn(torch.randint(1, vocabulary, (KEPT, WIDEST)))
            torch.nn.init.normal_(model.surrogate.vectors[:-1], std=0.1 * dimension**-0.5)
        model.bar([PAD])
        return model.to(device)


def random_data(
    part: str, rows: int, length: int, vocabulary: int, dimension: int, device: str
) -> Data:
    """Passages with what the part reads, stored as a study's: e, and for a corrector ê and x̂.

    A corrector's rows are guesses, two a passage.
    """
    torch.manual_seed(0)
    ids, guess = torch.randint(1, vocabulary, (2, rows, length), dtype=torch.int32).to(device)
    target, vector = (_unit_vectors(rows, dimension).half().to(device) for _ in range(2))
    place = torch.device(device), Reduce(Projection(), device)
    if part == "hypothesizer":
        return Data(ids, (target,), *place)
    passages = -(-rows // 2)
    passage = torch.arange(rows, device=device) % passages
    return Data(ids[:passages], (target[:passages], vector, guess), *place, passage)


def _unit_vectors(rows: int, dimension: int) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dimension), dim=1)
