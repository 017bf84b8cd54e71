"""The parts of a study: grids of cells, and what is done with the cells of each."""

from typing import Annotated, Any, Literal

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from textback.config.published import Published
from textback.config.section import Name, Positive, Section


class Evaluation(Section):
    """What is done with a trained cell."""

    mode: Literal["elitist", "paper"] = Field(
        "elitist", description="how rounds search; `paper`: no elitism, no memory, no early stop"
    )
    start: Literal["hypothesizer", "beam", "nucleus", "random", "the", "unrelated"] = Field(
        "hypothesizer",
        description="the hypothesis of round 0: the hypothesizer's greedy, beam search's or "
        "nucleus-sampled one, random tokens, `the the the …`, or the passage of another text",
    )
    rank: Literal["cosine", "likelihood"] = Field(
        "cosine", description="mode paper: what the hypotheses of a round are ranked by"
    )
    parents: Literal["beam", "one"] = Field(
        "beam", description="mode paper: `one`: each round corrects the best hypothesis alone"
    )
    passages: int = Field(500, ge=2, description="test passages inverted")
    rounds: int = Field(
        10, ge=0, description="correction rounds after the first hypothesis; 0: no corrector"
    )
    breadth: Positive = Field(
        2,
        description="mode elitist: texts decoded for each that is embedded, more where the beam is "
        "narrow; of those not tried yet the most promising are",
    )
    patience: Positive = Field(
        3, description="mode elitist: rounds without gain before a text is given up"
    )
    edits: bool = Field(
        True,
        description="mode elitist: whether half of what is embedded are edits of hypotheses: "
        "blocks of tokens that change places, tokens that others replace",
    )
    resamples: Positive = Field(1000, description="bootstrap resamples of an interval")


class Axes(Section):
    """The axes of a grid: every combination is a cell. `native` has no dimension to choose."""

    use_corpora: list[Name]
    use_embedders: list[Name]
    use_inverters: list[Name]
    lengths: list[Positive]
    reductions: list[Literal["native", "prefix", "pca", "random"]]
    dimensions: list[Positive] = Field([], description="of the reductions")
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0])
    beams: list[Positive] = Field([1], description="hypotheses kept and corrected a round")
    target_corpora: list[Name] = Field(
        [], description="whose test passages are inverted; none: those of the cell's own corpus"
    )
    target_lengths: list[Positive] = Field(
        [], description="tokens of the passages inverted; none: the cell's own length"
    )
    use_retrieval_sets: list[Name] = Field([], description="searched with every reduction")
    perturbations: list[str] = Field(
        ["none"],
        description="of the embeddings inverted and the documents searched: none, gaussian:<λ>, "
        "int8, binary",
    )


class Part(Axes):
    """A grid, and what is done with its cells."""

    evaluation: Evaluation = Evaluation()
    published: list[Published] = Field([], description="which published numbers it reruns")


def _optional(section: type[Section], name: str, **instead: Any) -> type[Section]:
    """The section with every key optional: what a part says differently from its study."""

    def optional(key: str, field: FieldInfo) -> tuple[Any, FieldInfo]:
        kind = instead.get(key, field.annotation)
        limited = Annotated[kind, *field.metadata] if field.metadata else kind
        return limited | None, Field(None, description=field.description)

    keys = {key: optional(key, field) for key, field in section.model_fields.items()}
    made = create_model(name, __base__=Section, __module__=__name__, **keys)
    made.__doc__ = f"{section.__doc__} Keys left out are the study's own."
    return made


EvaluationChanges = _optional(Evaluation, "EvaluationChanges")
PartChanges = _optional(Part, "PartChanges", evaluation=EvaluationChanges)


def changed(part: Part, changes: Section) -> Part:
    """A part with what `changes` says differently."""
    said = changes.model_dump(exclude_none=True)
    evaluation = part.evaluation.model_dump() | said.pop("evaluation", {})
    whole = {key: getattr(part, key) for key in Part.model_fields}
    return Part(**whole | said | {"evaluation": Evaluation(**evaluation)})
