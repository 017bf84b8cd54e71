"""Datasets of the datasets library: on the hub, or in a folder.

A folder is one written by `save_to_disk`, or holds a dataset's own files, as `hf download` copies
them. The library is imported where it is needed: it takes a second.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from textback import hub
from textback.config.corpora import HuggingFace
from textback.corpora.rows import Columns
from textback.errors import TextbackError, unknown_name

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

BATCH = 64  # rows in memory
SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"  # what save_to_disk writes beside the data
OF_SPLITS = ("name", "revision", "streaming")  # keys that say nothing of a folder with splits
OF_ONE = (*OF_SPLITS, "hub_split")  # and of one that is a split


def read(name: str, entry: HuggingFace) -> Iterator[tuple[str, str]]:
    """See `textback.corpora.read_rows`. A document is named by its row's number or `id_column`."""
    columns = Columns(name, entry)
    with _loading(name, entry):
        rows = _open(name, entry)
        known = rows.column_names or list(next(iter(rows), {}))  # a stream may not tell them
        columns.check(known, entry.dataset)
        number = 0
        for batch in rows.select_columns(columns.names).iter(BATCH):
            for values in zip(*(batch[column] for column in columns.names), strict=True):
                number += 1
                row = dict(zip(columns.names, values, strict=True))
                yield from columns.read(row, f"{entry.dataset} row {number}", str(number))


def _open(name: str, entry: HuggingFace) -> "Dataset | IterableDataset":
    from datasets import load_dataset, load_from_disk

    folder = Path(entry.dataset)
    if (folder / SAVED).exists():
        _refuse(name, entry, OF_ONE)
        return load_from_disk(entry.dataset)
    if (folder / SAVED_SPLITS).exists():
        _refuse(name, entry, OF_SPLITS)
        splits = load_from_disk(entry.dataset)
        if entry.hub_split not in splits:
            unknown = unknown_name("hub_split", entry.hub_split, splits)
            raise TextbackError(f"corpus '{name}': {entry.dataset}: {unknown}")
        return splits[entry.hub_split]
    with _asking_no_hub() if hub.only_local(entry.dataset) else nullcontext():
        return load_dataset(
            entry.dataset,
            name=entry.name,
            split=entry.hub_split,
            revision=entry.revision,
            streaming=entry.streaming,
        )


def _refuse(name: str, entry: HuggingFace, keys: Sequence[str]) -> None:
    """Raise TextbackError where the entry has one of the keys: it would change nothing."""
    for key in keys:
        value = getattr(entry, key)
        if value != HuggingFace.model_fields[key].default:
            raise TextbackError(
                f"corpus '{name}': {entry.dataset} was written by save_to_disk, and "
                f"{key}: {value} chooses nothing in it: leave '{key}' out"
            )


@contextmanager
def _asking_no_hub() -> Iterator[None]:
    """Let the library take what is on this machine; else it asks for half a minute."""
    from datasets import config

    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


@contextmanager
def _loading(name: str, entry: HuggingFace) -> Iterator[None]:
    """Turn what the library says of a dataset that it cannot read into one line."""
    try:
        yield
    except TextbackError:
        raise
    except Exception as error:  # its loaders raise of every kind
        reason = " ".join(str(error).split())
        if not Path(entry.dataset).exists() and hub.says_unreachable(reason):
            file = hub.missing_file(reason, "README.md")
            what, options = f"corpus '{name}'", "--repo-type dataset"
            raise hub.unreachable(what, entry.dataset, file, options) from None
        raise TextbackError(
            f"corpus '{name}': dataset {entry.dataset} cannot be read ({reason[:300]}): correct "
            "'dataset', 'name', 'hub_split' or 'revision'"
        ) from None
