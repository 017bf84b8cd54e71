"""The exchange folder that textback writes, and vec2text's arguments and models made from it.

    task.json                               see `read_task`
    tokenizer.json                          a byte-level BPE
    {train,validation,test}.txt             passages, one a line
    {train,validation,test}.safetensors     `ids` (n, length), `embeddings` (n, dimension)
    {hypothesizer,corrector}.safetensors    weights under vec2text's names, to invert with

Validation passages are not read: vec2text is trained for a given time or number of examples.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    set_seed,
)
from vec2text.models import CorrectorEncoderModel
from vec2text.models.config import InversionConfig
from vec2text.run_args import DataArguments, ModelArguments, TrainingArguments

SEED = 42  # vec2text's default
WHOLE_SHARE = 0.9999  # of the training passages, that the embedder reads uncut
TASK_KEYS = {"t5", "length", "embedding_tokens", "embedder", "dimension"}


@dataclass(frozen=True)
class Split:
    """Passages: texts, `ids` (n, length) int64, `embeddings` (n, dimension) float32."""

    texts: list[str]
    ids: Tensor
    embeddings: Tensor


def fail(problem: str) -> SystemExit:
    """An error that ends the program with one line."""
    return SystemExit(f"vec2text reference: {problem}")


def read_task(folder: Path) -> dict[str, Any]:
    """Read `task.json`: `t5` (T5Config's arguments), `length` of the passages in tokens,
    `embedding_tokens`, `embedder` (a sentence-transformers folder) and its `dimension`.
    """
    try:
        task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise fail(f"{folder}/task.json cannot be read ({error}): export the folder anew") from None
    if missing := TASK_KEYS - task.keys():
        raise fail(f"{folder}/task.json lacks {sorted(missing)}: export the folder anew")
    if task["t5"].get("eos_token_id") is None:
        raise fail(
            f"{folder}/task.json: t5 needs an eos_token_id, for the corrector's separators: "
            "give a token that no passage holds, such as the pad"
        )
    return task


def read_split(folder: Path, name: str) -> Split:
    """Read the passages of one split."""
    tensors = read_tensors(folder / f"{name}.safetensors")
    texts = (folder / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if len(texts) != len(tensors["ids"]):
        raise fail(
            f"{folder}/{name}.txt has {len(texts)} lines for {len(tensors['ids'])} passages: "
            "export the folder anew"
        )
    return Split(texts, tensors["ids"].long(), tensors["embeddings"].float())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise fail(f"{path} cannot be read ({error}): export the folder anew") from None


def write_backbone(folder: Path, task: dict[str, Any], target: Path) -> None:
    """Write a freshly initialised T5 with the folder's tokenizer, for `from_pretrained` to read.

    So vec2text loads the T5 by its own code; it has none to build one from a configuration.
    """
    set_seed(SEED)
    T5ForConditionalGeneration(T5Config(**task["t5"])).save_pretrained(target)
    PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        pad_token="<pad>",
        model_input_names=["input_ids", "attention_mask"],  # as T5's: no token types
        clean_up_tokenization_spaces=False,  # it would rewrite " ." and " n't"
    ).save_pretrained(target)


def make_arguments(
    task: dict[str, Any], backbone: Path, frozen: bool = False, **training: Any
) -> tuple[ModelArguments, DataArguments, TrainingArguments]:
    """An experiment's arguments: vec2text's defaults, but no evaluation and no checkpoints.

    frozen: read embeddings made beforehand; training: of vec2text's TrainingArguments
    """
    return (
        ModelArguments(
            model_name_or_path=str(backbone),
            embedder_model_name=task["embedder"],
            max_seq_length=task["length"],
            num_repeat_tokens=task["embedding_tokens"],
            use_frozen_embeddings_as_input=frozen,
        ),
        DataArguments(),
        TrainingArguments(
            output_dir="saves",
            use_wandb=False,
            evaluation_strategy="no",
            save_strategy="no",
            disable_tqdm=True,
            **training,
        ),
    )


def make_corrector(config: InversionConfig, dimension: int) -> CorrectorEncoderModel:
    """vec2text's corrector for embeddings of `dimension` numbers; its own are always 768."""
    model = CorrectorEncoderModel(config)
    model.embedder_dim = dimension
    for name in ("embedding_transform_1", "embedding_transform_2", "embedding_transform_3"):
        _, dropout, activation, last = getattr(model, name)
        sequence = nn.Sequential(
            nn.Linear(dimension, dimension),
            dropout,
            activation,
            nn.Linear(dimension, last.out_features),
        )
        setattr(model, name, sequence)
    return model


def load_strictly(model: nn.Module, path: Path) -> None:
    """Load every weight of `model` but the embedder's, which its own folder gave.

    Tied weights may come under any of their names.
    """
    given = read_tensors(path)
    state = model.state_dict()
    try:
        missing, unexpected = model.load_state_dict(given, strict=False)
    except RuntimeError as error:
        detail = " ".join(str(error).split())
        raise fail(f"{path} does not fit task.json ({detail}): export both together") from None
    covered = {state[name].data_ptr() for name in given if name in state}
    lacking = [
        name
        for name in missing
        if not name.startswith("embedder.") and state[name].data_ptr() not in covered
    ]
    if lacking or unexpected:
        raise fail(f"{path} lacks {lacking} and has unknown {unexpected}: export it anew")


def embedder_tokens(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> int:
    """The length to which the embedder's inputs are padded and cut: the shortest that serves.

    vec2text has one number for this and for the T5's tokens. An embedder's tokens are others: with
    8 tokens of a BPE of 2,048, MiniLM would have read 44% of the passages without their end.
    """
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    return int(np.quantile(lengths, WHOLE_SHARE, method="higher"))


def decoding_options(trainer: Any, length: int) -> dict[str, Any]:
    """vec2text's options of `generate`, for exactly `length` tokens after the decoder's start."""
    return {**trainer.gen_kwargs, "min_length": length + 1, "max_length": length + 1}


def decode(tokenizer: PreTrainedTokenizerBase, ids: Tensor) -> list[str]:
    """Texts of generated ids, (n, length + 1), without the space that begins them."""
    return [t.removeprefix(" ") for t in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def write_lines(path: Path, texts: Iterable[str]) -> None:
    """Write texts, one a line; a line break within one becomes a space."""
    lines = [text.replace("\r", " ").replace("\n", " ") for text in texts]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def synchronise() -> None:
    """Wait for the GPU, if there is one, before the clock is read."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
