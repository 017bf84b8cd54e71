"""The catalogues of tokenizers and inverters: networks and their training budgets."""

from typing import Annotated, Literal

from pydantic import Field

from textback.config.section import DOWNLOAD, Fraction, Megabytes, Name, Positive, Section
from textback.counted import counted


class Tokenizer(Section):
    """The inverter's tokenizer: trained on the corpus, or a pretrained one."""

    kind: Literal["bpe", "pretrained"] = "bpe"
    vocabulary: int = Field(
        2048, ge=258, le=65_536, description="kind bpe: tokens, 258 or more; byte-level"
    )
    model: str | None = Field(
        None, description="kind pretrained: hub id or folder; with `package`, inside the package"
    )
    revision: str | None = Field(None, description="of the hub model: a commit, tag or branch")
    package: str | None = Field(None, description="the installed Python package with the files")
    download: Megabytes | None = Field(None, description=DOWNLOAD)


class Backbone(Section):
    """The network of an inverter: a named size trained from scratch, or pretrained weights.

    form: `textback`, or `paper`, the exact form of Morris et al. 2023 (see `inverter/readers.py`)
    """

    family: Literal["llama", "t5"] = Field("llama", description="decoder-only, or encoder-decoder")
    size: Literal["toy", "nano", "tiny", "mini", "small", "base"] = "nano"
    pretrained: str | None = Field(
        None, description="hub id or folder of a T5 or causal model; it sets family and size"
    )
    revision: str | None = Field(None, description="of the hub model: a commit, tag or branch")
    download: Megabytes | None = Field(None, description=DOWNLOAD)
    form: Literal["textback", "paper"] = "textback"
    dropout: float = Field(0.0, ge=0, lt=1, description="a T5's everywhere; a Llama's of attention")
    embedding_tokens: Positive = Field(1, description="backbone inputs a vector is projected to")


class Training(Section):
    """A training budget, counted in examples or in floating-point operations."""

    examples: Positive | None = None
    flops: Annotated[float, Field(gt=0)] | None = Field(
        None, description="instead of examples: forward and backward passes, e.g. 1.0e+15"
    )
    batch: Positive = 128
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: float = Field(5e-3, gt=0)
    warmup: Fraction = Field(0.02, description="share of the steps")
    weight_decay: float = Field(0.01, ge=0)

    def steps(self, examples: int) -> int:
        """How many so many examples are."""
        return round(examples / self.batch)

    def too_short(self, examples: int) -> str:
        """What to say of a budget of so many examples whose last step is of the warm-up, or ""."""
        steps = self.steps(examples)
        rising = rising_steps(steps, self.warmup)
        if steps > rising:
            return ""
        return (
            f"which ends within its warm-up ({counted(steps, 'step')} of {self.batch}, the first "
            f"{rising} of them rising): raise it, or lower 'batch' or 'warmup'"
        )


def rising_steps(steps: int, warmup: float) -> int:
    """Of so many steps those until the learning rate's peak; at least one."""
    return max(1, round(steps * warmup))


class CorrectorTraining(Training):
    """The corrector's budget, and the hypotheses it learns from.

    It begins with good weights, for which Muon's rate from scratch is too high.
    """

    optimizer: Literal["muon", "adamw"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)

    passages: Positive = Field(description="training passages that are hypothesised")
    hypotheses: Positive = Field(2, description="a passage: the greedy one, then sampled ones")
    temperature: float = Field(1.0, gt=0, description="of the sampled hypotheses")
    teacher_forcing: float = Field(
        1.0,
        ge=0,
        le=1,
        description="of the sampled hypotheses: up to this share of a passage's own tokens is "
        "written in their places, evenly from none to all of it",
    )
    data_rounds: Positive = Field(
        1, description="1: hypothesizer's output only; k: also the corrector's own, k - 1 times"
    )
    start: Literal["hypothesizer", "backbone"] = Field(
        "hypothesizer", description="whose weights the corrector begins with"
    )
    feedback: bool = Field(True, description="whether it sees the hypothesis's embedding, ê")


class Inverter(Section):
    """Tokenizer, backbone and training budgets: everything that makes an inverter but its data.

    Without a corrector it is a hypothesizer alone, evaluated with `rounds: 0`.
    """

    tokenizer: Name
    backbone: Backbone = Backbone()
    null_model: Training
    hypothesizer: Training
    corrector: CorrectorTraining | None = None
    hypothesizer_of: Name | None = Field(
        None, description="the inverter whose null model and hypothesizer, the same, it shares"
    )
