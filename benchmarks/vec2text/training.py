"""Train vec2text's hypothesizer with vec2text's trainer, against the clock."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from exchange import (
    Split,
    decode,
    decoding_options,
    embedder_tokens,
    make_arguments,
    read_split,
    read_task,
    synchronise,
    write_backbone,
    write_lines,
)
from transformers import PreTrainedTokenizerBase, TrainerCallback
from turns import turn
from vec2text.experiments import InversionExperiment
from vec2text.tokenize_data import tokenize_function

SETTLING_STEPS = 10  # at first caches and allocators fill: not counted in the rate
ENDLESS = 1_000_000_000  # steps, where the clock ends the training
DECODE_BATCH = 256


@dataclass(frozen=True)
class Options:
    """What to train. Either `seconds` or `examples` is None; decode: test passages to decode."""

    folder: Path
    output: Path
    precomputed: bool
    batch: int
    learning_rate: float
    seconds: float | None
    examples: int | None
    warmup_steps: int | None
    bf16: bool
    decode: int
    decode_every: float | None


class Clock(TrainerCallback):
    """Counts training seconds, ends the training, and decodes now and then off the clock."""

    def __init__(
        self, limit: float | None, every: float | None, on_mark: Callable[[int, float], None]
    ) -> None:
        self.limit, self.every, self.on_mark = limit, every, on_mark
        self.next_mark = every
        self.began = self.seconds = self.settled = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        synchronise()
        self.began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look at the clock. vec2text waits for the GPU in every step, so it is hardly ahead."""
        self.seconds = time.perf_counter() - self.began
        if self.limit is not None and self.seconds >= self.limit:
            control.should_training_stop = True
        if control.should_training_stop or state.global_step == SETTLING_STEPS:
            synchronise()
            self.seconds = time.perf_counter() - self.began
        if control.should_training_stop:
            control.should_log = True
            return
        if state.global_step == SETTLING_STEPS:
            self.settled = self.seconds
        if self.next_mark is not None and self.seconds >= self.next_mark:
            self._mark(state.global_step)
            control.should_log = True

    def _mark(self, step: int) -> None:
        synchronise()
        stopped = time.perf_counter()
        self.on_mark(step, stopped - self.began)
        while self.next_mark <= self.seconds:
            self.next_mark += self.every
        synchronise()
        self.began += time.perf_counter() - stopped


def train(options: Options, scratch: Path) -> dict[str, Any]:
    """Train, decode, and return the measurements. scratch: an empty folder."""
    trainer = make_trainer(options, scratch)
    test = read_split(options.folder, "test")
    rows = len(trainer.train_dataset)
    decodes: list[dict[str, Any]] = []

    def decode_to(path: Path, step: int, seconds: float) -> None:
        write_lines(path, greedy(trainer, test, options.decode))
        seen = examples_seen(step, rows, options.batch)
        decodes.append({"train_seconds": seconds, "examples": seen, "file": str(path)})

    def decode_mark(step: int, seconds: float) -> None:
        decode_to(Path(f"{options.output}.{len(decodes) + 1}.txt"), step, seconds)

    clock = Clock(options.seconds, options.decode_every, decode_mark)
    trainer.add_callback(clock)
    with turn():
        trainer.train()
        steps = trainer.state.global_step
        if options.decode:
            decode_to(Path(f"{options.output}.txt"), steps, clock.seconds)
    losses = [row for row in trainer.state.log_history if "loss" in row]
    examples = examples_seen(steps, rows, options.batch)
    settling = examples_seen(SETTLING_STEPS, rows, options.batch) if clock.settled else 0
    counted = clock.seconds - clock.settled
    return {
        "steps": steps,
        "examples": examples,
        "seconds": clock.seconds,
        "settling_seconds": clock.settled,
        "examples_per_second": (examples - settling) / counted if counted else None,
        "final_loss": final_loss(losses),
        "losses": [{"step": row["step"], "loss": row["loss"]} for row in losses],
        "decodes": decodes,
        "warmup_steps": trainer.args.warmup_steps,
        "lr_scheduler": str(trainer.args.lr_scheduler_type.value),
        "embedder_tokens": len(trainer.train_dataset[0]["embedder_input_ids"]),
        "trained_parameters": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
    }


class FolderExperiment(InversionExperiment):
    """vec2text's experiment on the folder's training passages."""

    split: Split

    def load_train_and_val_datasets(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        embedder_tokenizer: PreTrainedTokenizerBase,
    ) -> tuple[Dataset, dict]:
        """In place of vec2text's, which downloads its datasets."""
        dataset = make_dataset(self.split, tokenizer, embedder_tokenizer)
        if self.model_args.use_frozen_embeddings_as_input:
            embeddings = list(self.split.embeddings.numpy())
            dataset = dataset.add_column("frozen_embeddings", embeddings)
        dataset.set_format("pt")
        return dataset, {}


def make_trainer(options: Options, scratch: Path) -> Any:
    """vec2text's InversionTrainer on the training passages."""
    task = read_task(options.folder)
    write_backbone(options.folder, task, scratch / "t5")
    steps = ENDLESS if options.examples is None else math.ceil(options.examples / options.batch)
    experiment = FolderExperiment(
        *make_arguments(
            task,
            scratch / "t5",
            frozen=options.precomputed,
            per_device_train_batch_size=options.batch,
            learning_rate=options.learning_rate,
            lr_scheduler_type="constant_with_warmup",  # vec2text's README; the code's is linear
            max_steps=steps,
            bf16=options.bf16,
        )
    )
    if options.warmup_steps is not None:
        experiment.training_args.warmup_steps = options.warmup_steps
    experiment.split = read_split(options.folder, "train")
    return experiment.load_trainer()


def make_dataset(
    split: Split,
    tokenizer: PreTrainedTokenizerBase,
    embedder_tokenizer: PreTrainedTokenizerBase,
) -> Dataset:
    """The columns that vec2text's own preparation makes, with the passages' exact ids."""
    tokens = embedder_tokens(embedder_tokenizer, split.texts)
    tokenize = tokenize_function(tokenizer, embedder_tokenizer, "text", tokens)

    def columns(batch: dict[str, list]) -> dict[str, Any]:
        ids = batch["ids"]
        exact = {"input_ids": ids, "labels": ids, "attention_mask": [[1] * len(i) for i in ids]}
        return {**tokenize(batch), **exact, "length": [len(i) for i in ids]}

    dataset = Dataset.from_dict({"text": split.texts, "ids": split.ids.tolist()})
    return dataset.map(columns, batched=True, remove_columns=["text", "ids"])


@torch.no_grad()
def greedy(trainer: Any, split: Split, count: int) -> list[str]:
    """The hypothesizer's texts for the first `count` embeddings."""
    model = trainer.model
    model.eval()
    options = decoding_options(trainer, split.ids.shape[1])
    texts: list[str] = []
    for targets in split.embeddings[:count].split(DECODE_BATCH):
        inputs = {"frozen_embeddings": targets.to(trainer.args.device)}
        texts += decode(model.tokenizer, trainer.generate(inputs, options))
    return texts


def examples_seen(step: int, rows: int, batch: int) -> int:
    """Examples in the first `step` batches; the last one of each epoch may be smaller."""
    epochs, rest = divmod(step, math.ceil(rows / batch))
    return epochs * rows + min(rest * batch, rows)


def final_loss(rows: list[dict[str, Any]]) -> float:
    """Mean training loss over the steps of the last two log rows; the very last may be short."""
    begin, weighted = 0, []
    for row in rows:
        weighted.append((row["loss"], row["step"] - begin))
        begin = row["step"]
    last = weighted[-2:]
    return sum(loss * steps for loss, steps in last) / sum(steps for _, steps in last)
