"""The corrector's training: in one go, or in rounds that learn from its own output, too."""

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from textback.config import Backbone, Training
from textback.device import bulk_precision, pick_device
from textback.embeddings import forget
from textback.inverter import backbones, data, generate, parallel, surrogate
from textback.inverter.batches import Data, Rows
from textback.inverter.model import Inverter
from textback.inverter.room import room_for
from textback.inverter.state import Checkpoint, load_model
from textback.inverter.training import Result, train
from textback.locks import locked
from textback.progress import log
from textback.reductions import Projection, load_projection
from textback.specs import Spec
from textback.steps.hypotheses import HypothesisEmbedder
from textback.steps.train import checkpoint_of, write_training
from textback.tokenizer import Tokenizer

TOGETHER = 100_000  # hypotheses whose targets' projections are held at a time


def train_corrector(
    spec: Spec,
    hypothesizer: Path,
    tokenizer: Path,
    passages: Path,
    embeddings: Path,
    reduction: Path,
    hypotheses: Path,
    output: Path,
    state: Path,
    device: str,
) -> None:
    """Train the corrector on the hypothesizer's guesses, and in later rounds on its own.

    With `data_rounds` k the budget is divided into k trainings, each with its own warm-up. Before
    each but the first, the corrector corrects the newest hypotheses once, greedily; the next
    training sees all of them.
    """
    device = pick_device(device)
    inputs = _Inputs(passages, embeddings, load_projection(reduction), device)
    with parallel.joined(device), locked(state) if parallel.rank() == 0 else nullcontext():
        model = _new(spec, load_model(hypothesizer, device))
        validation = inputs.read("validation", [hypotheses])
        embed = _embedder(spec, tokenizer, state, device)
        folders = [hypotheses]
        results: list[Result] = []
        checkpoints: list[Checkpoint] = []
        for number in range(1, spec["data_rounds"] + 1):
            if number > 1:
                folders.append(state / f"hypotheses{number}")
                if embed is not None:
                    _correct(model, inputs, folders[-2], folders[-1], embed)
                parallel.wait_for_all()
            train_data = inputs.read("train", folders)
            checkpoints.append(checkpoint_of(spec, model, train_data, state / f"round{number}"))
            label = "corrector" if number == 1 else f"corrector, data round {number}"
            budget, seed = _budget(spec), spec["seed"] + number - 1
            results.append(
                train(model, train_data, validation, budget, seed, checkpoints[-1], label)
            )
        if parallel.rank() == 0:
            results[-1] = replace(results[-1], seconds=results[-1].seconds + _fit(model, inputs))
            write_training(output, model, results, **({} if embed is None else embed.costs()))
            for checkpoint in checkpoints:
                checkpoint.remove()
            for folder in folders[1:]:
                (folder / "train.safetensors").unlink()
            forget(state)
        parallel.wait_for_all()


class _Inputs:
    """Where a corrector's data lies."""

    def __init__(self, passages: Path, embeddings: Path, project: Projection, device: str) -> None:
        self._passages, self._embeddings = passages, embeddings
        self._project, self._device = project, device

    def passages(self, most: int) -> tuple[Tensor, Tensor]:
        """The first training passages, ids (n, length), and their embeddings e, (n, dim)."""
        paths = self._passages / "train.parquet", self._embeddings / "train.safetensors"
        first = data.hypothesizer_data(*paths, self._project, self._device, most)
        ids, embeddings = first.rows(slice(None))
        return ids, embeddings

    def read(self, split: str, hypotheses: list[Path]) -> Data:
        """A split's passages with the hypotheses of these folders."""
        return data.corrector_data(
            self._passages / f"{split}.parquet",
            self._embeddings / f"{split}.safetensors",
            [folder / f"{split}.safetensors" for folder in hypotheses],
            self._project,
            self._device,
        )


def _new(spec: Spec, hypothesizer: Inverter) -> Inverter:
    """An untrained corrector: with the hypothesizer's weights, or only with its scale."""
    torch.manual_seed(spec["seed"])
    own = spec["start"] == "backbone"
    backbone = None if own else backbones.restore(backbones.shape(hypothesizer.backbone))
    shape = Backbone(**spec["backbone"]), hypothesizer.vocabulary, hypothesizer.dimension, 3
    with room_for(*shape, hypothesizer.device.type):
        model = Inverter(*shape, backbone).to(hypothesizer.device)
    model.feedback = spec.get("feedback", True)
    if own:
        model.load_state_dict(dict(hypothesizer.named_buffers()), strict=False)
    else:
        model.start_from(hypothesizer)
    return model


def _fit(model: Inverter, inputs: _Inputs) -> float:
    """Fit the corrector's surrogate of the embedder; how many seconds it took."""
    began = time.monotonic()
    model.surrogate.fit(*inputs.passages(surrogate.ROWS))
    if not model.surrogate.fitted:  # which waits for the device
        log.warning("the surrogate of the embedder learned nothing: the search goes without")
    return time.monotonic() - began


def _budget(spec: Spec) -> Training:
    """Of one data round."""
    budget, rounds = Training(**spec["training"]), spec["data_rounds"]
    if budget.flops is not None:
        return budget.model_copy(update={"flops": budget.flops / rounds})
    return budget.model_copy(update={"examples": budget.examples // rounds})


def _embedder(spec: Spec, tokenizer: Path, state: Path, device: str) -> HypothesisEmbedder | None:
    """Loaded only where data rounds need it, and in one process."""
    if spec["data_rounds"] == 1 or parallel.rank() > 0:
        return None
    return HypothesisEmbedder(spec, Tokenizer.load(tokenizer), state, device)


def _correct(
    model: Inverter, inputs: _Inputs, before: Path, after: Path, embed: HypothesisEmbedder
) -> None:
    """Correct every training hypothesis of one folder once, and write the outcome to another."""
    guesses = inputs.read("train", [before])
    passage = data.read_hypotheses(before / "train.safetensors")["passage"]
    with bulk_precision(model.device.type):
        parts = [
            _corrected(model, guesses.rows(slice(start, start + TOGETHER)))
            for start in range(0, len(guesses), TOGETHER)
        ]
    found = torch.cat(parts)
    embedded = embed(found, "embedding corrected hypotheses")
    data.write_hypotheses(after / "train.safetensors", found, embedded, int(passage.max()) + 1)


def _corrected(model: Inverter, rows: Rows) -> Tensor:
    """What a corrector makes of hypotheses, the rows of its training, greedily: ids (m, length)."""
    _, target, vector, ids = rows
    reading, every = generate.read_targets(model, target), torch.arange(len(ids), device=ids.device)
    ways, _ = generate.correct(model, reading, every, vector, ids, 1, "correcting train")
    return ways[:, 0]
