"""The model hub: whether it can be reached, and what to say where something of it cannot be had."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from textback.errors import TextbackError

SECONDS = 10  # after which the hub counts as out of reach
FAILURES = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    ImportError,
    AttributeError,
    SafetensorError,
)
UNREACHABLE = (  # how the hub's libraries begin to say that it is
    *("couldn't connect", "couldn't reach", "couldn't find cache", "connect", "timed out"),
    *("offline", "locate the file", "local_files_only"),
)
MODEL_FILES = (".json", ".safetensors", ".bin", ".model", ".txt")
TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "tokenizer.model", "vocab.txt", "vocab.json")
WEIGHT_FILES = (".safetensors", ".bin")
DATA_FILES = (".parquet", ".arrow", ".jsonl", ".csv", ".gz", ".zst", ".md")


@functools.cache
def reachable() -> bool:
    """Whether the hub answers. The libraries themselves ask for minutes, file by file."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS)
    except Exception:  # whatever client the library has, each with errors of its own
        return False
    return True


def is_name(model: str) -> bool:
    """Whether a text can be a name of the hub, `owner/model` or an old `model`, and no path."""
    return model.count("/") <= 1 and not model.startswith((".", "/", "~"))


def has_weights(model: str, revision: str | None = None) -> bool:
    """Whether weights of a hub model are in the cache, with its configuration."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(model, "config.json", revision=revision)
    return isinstance(config, str) and any(
        path.suffix in WEIGHT_FILES for path in Path(config).parent.iterdir()
    )


def has_tokenizer(model: str, revision: str | None = None) -> bool:
    """Whether a tokenizer of a hub model is in the cache."""
    from huggingface_hub import try_to_load_from_cache

    return any(
        isinstance(try_to_load_from_cache(model, file, revision=revision), str)
        for file in TOKENIZER_FILES
    )


def has_dataset(dataset: str, name: str | None = None) -> bool:
    """Whether the datasets library has a hub dataset, in this configuration, in its cache."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    *owner, last = dataset.split("/")
    folder = "___".join([*owner, camelcase_to_snakecase(last)])
    kept = Path(config.HF_DATASETS_CACHE, folder)
    return any(kept.glob(f"{name or '*'}/*/*/dataset_info.json"))


def only_local(model: str, offline: bool = False) -> bool:
    """Whether a model's files must be on this machine: a folder, or no hub to ask."""
    return offline or Path(model).is_dir() or not reachable()


@contextmanager
def loading(what: str, model: str, way_out: str) -> Iterator[None]:
    """Turn what a library says of a model that it cannot load into one line with the way out."""
    try:
        yield
    except FAILURES as error:
        reason = " ".join(str(error).split())
        if "trust_remote_code" in reason:
            raise TextbackError(
                f"{what}: {model} brings Python code of its own: read that code, then set "
                "trust_remote_code: true and a 'revision' in its entry"
            ) from None
        if not Path(model).is_dir():
            if not is_name(model):
                raise TextbackError(f"{what}: folder {model} does not exist: {way_out}") from None
            if says_unreachable(reason):
                raise unreachable(what, model, missing_file(reason, "config.json")) from None
        raise TextbackError(
            f"{what}: {model} cannot be loaded ({reason[:200]}): {way_out}"
        ) from None


def unreachable(what: str, model: str, file: str, options: str = "") -> TextbackError:
    """The error for a file of the hub that is neither here nor to be had.

    options: of `hf download`, such as `--repo-type dataset`
    """
    download = " ".join(f"hf download {options} {model}".split())
    return TextbackError(
        f"{what}: {file} of {model} is not on this machine and the hub cannot be reached: where "
        f"there is a network run `{download} --local-dir FOLDER` and give that folder instead of "
        "the name, or copy its cache and set HF_HOME to the copy"
    )


def says_unreachable(reason: str) -> bool:
    """Whether a message of the hub's libraries means that the hub cannot be reached."""
    return any(words in reason.lower() for words in UNREACHABLE)


def missing_file(reason: str, first: str) -> str:
    """The file that a message of the hub's libraries names; else the one asked for first."""
    words = [word.strip("'\"`,:;()") for word in reason.split()]
    files = [word for word in words if word.endswith(MODEL_FILES + DATA_FILES)]
    return files[0].rsplit("/", 1)[-1] if files else first
