"""The catalogue of embedders: an entry class a kind, each with the keys that kind needs."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints, TypeAdapter

from textback.config.section import DOWNLOAD, Megabytes, Positive, Section


class EmbedderEntry(Section):
    """What every embedder states of itself; the gate checks it before a study uses one.

    HOW_ASKED: the keys that change none of its vectors, such as how it is asked: no part of a
    step's spec, so that changing one computes nothing again
    """

    HOW_ASKED: ClassVar[frozenset[str]] = frozenset({"matryoshka"})

    dimension: Positive = Field(description="of the native embedding")
    max_tokens: Positive | None = Field(
        None, description="longest input in its own tokens, specials included; null: any"
    )
    cased: bool = Field(description="whether upper and lower case give different vectors")
    matryoshka: bool = Field(
        False, description="whether its first components are a valid smaller embedding"
    )


class Located(EmbedderEntry):
    """An embedder whose files lie in a folder, inside an installed package, or on the hub."""

    HOW_ASKED = EmbedderEntry.HOW_ASKED | {"offline", "download"}

    model: str = Field(description="folder or hub id; with `package`, a folder inside the package")
    package: str | None = Field(None, description="the installed Python package with the folder")
    revision: str | None = Field(None, description="of the hub model: a commit, tag or branch")
    offline: bool = Field(False, description="never ask the hub, even if it could be reached")
    download: Megabytes | None = Field(None, description=DOWNLOAD)


class Weights(Located):
    """Trained weights."""

    sha256: str | None = Field(None, description="checksum of model.safetensors, checked on load")


class Network(Weights):
    """A transformer whose folder may bring Python code of its own."""

    trust_remote_code: bool = Field(False, description="run the Python code that the model brings")


class SentenceTransformers(Network):
    """A model of the sentence-transformers library, pooled and normalised as the model says."""

    kind: Literal["sentence-transformers"]
    prompt_name: str | None = Field(
        None, description="which of the model's prompts precedes a text; null: the model's default"
    )


class Transformers(Network):
    """A raw encoder of the transformers library; of an encoder-decoder, its encoder."""

    kind: Literal["transformers"]
    pooling: Literal["mean", "cls", "last"] = "mean"
    normalize: bool = Field(False, description="scale vectors to unit length")
    prompt: str = Field("", description="precedes every text, e.g. 'query: '")


class OpenAI(EmbedderEntry):
    """Any OpenAI-compatible endpoint. The key comes from an environment variable only."""

    HOW_ASKED = EmbedderEntry.HOW_ASKED | {"key_variable", "batch", "retries", "timeout", "price"}

    kind: Literal["openai"]
    model: str = Field(description="as the endpoint calls it")
    base_url: str = Field("https://api.openai.com/v1", description="of the endpoint")
    dimensions: Positive | None = Field(
        None, description="asked of the endpoint (text-embedding-3); equal to `dimension`"
    )
    key_variable: str = Field("OPENAI_API_KEY", description="the environment variable of the key")
    batch: Positive = Field(256, description="texts a request")
    retries: Annotated[int, Field(ge=0)] = Field(
        8, description="of a request refused by a rate limit, a server error or a lost connection"
    )
    timeout: float = Field(60.0, gt=0, description="seconds a request may take")
    price: float = Field(0.0, ge=0, description="US dollars a million tokens")


class Model2Vec(Weights):
    """A static model of the model2vec library: a mean of token vectors."""

    kind: Literal["model2vec"]


class UniversalSentenceEncoder(EmbedderEntry):
    """The multilingual Universal Sentence Encoder, whose weights come with its package."""

    kind: Literal["universal-sentence-encoder"]
    dimension: Literal[512] = 512


class BagOfWords(EmbedderEntry):
    """A control: each word adds a random vector of its own, so that order is lost."""

    kind: Literal["bag-of-words"]
    seed: int = 0


class RandomTransformer(Located):
    """A control: an untrained transformer with the tokenizer and shape of a model, mean-pooled."""

    kind: Literal["random-transformer"]
    seed: int = 0


class PythonClass(EmbedderEntry):
    """An embedder of your own: a class with `embed` (see docs/add-an-embedder.md)."""

    kind: Literal["python"]
    path: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")] = Field(
        description="of the class, my_module:MyEmbedder; the working directory is searched, too"
    )
    options: dict[str, JsonValue] = Field({}, description="given to the class by name")


Embedder = Annotated[
    SentenceTransformers
    | Transformers
    | OpenAI
    | Model2Vec
    | UniversalSentenceEncoder
    | BagOfWords
    | RandomTransformer
    | PythonClass,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[Embedder] = TypeAdapter(Embedder)


def read_embedder(entry: dict[str, Any]) -> Embedder:
    """The typed entry of a mapping that was checked before, such as a step's spec."""
    return _ADAPTER.validate_python(entry)
