"""The words of a corpus: counted in its training documents, and told from names."""

from pathlib import Path

import pandas as pd

from textback.config import read_corpus
from textback.counted import counted
from textback.documents import cased_texts, sample_texts
from textback.files import replacing
from textback.progress import log
from textback.specs import Spec
from textback.words import COUNTED, count_cases, count_words, read_names


def make_words(spec: Spec, documents: Path, output: Path) -> None:
    """Write the corpus's words (see `textback.words`).

    Names are the words of the corpus's list of names, where its entry has one, but for those that
    the corpus writes in lower case more often than not (will, long). Else they are what the corpus
    capitalises within sentences, nineteen times in twenty or more: people and places, and also
    months, peoples and institutions. All documents tell it, those of the test split too, since it
    says what is measured and the attacker never sees it.
    """
    name, entry = spec["name"], read_corpus(spec["corpus"])
    sample = sample_texts(documents, "train", COUNTED, seed=0)
    counts = count_words(text for texts in sample for text in texts.to_pylist())
    cases = count_cases(cased_texts(name, entry, documents))
    kinds = {"is_name": cases.names()}
    if entry.names is not None:
        kinds = _listed(read_names(name, Path(entry.names)), cases.common())
    words = sorted(counts.keys() | set().union(*kinds.values()))
    frame = pd.DataFrame({"word": words, "count": [counts[word] for word in words]})
    for kind in ("is_name", "is_first", "is_last", "is_full"):
        frame[kind] = frame["word"].isin(kinds.get(kind, set()))
    with replacing(output) as temporary:
        frame.to_parquet(temporary, compression="zstd", index=False)
    log.info(
        "words of %s: %s counted, %s of them different, %s",
        name,
        f"{counts.total():,}",
        f"{len(counts):,}",
        counted(frame["is_name"].sum(), "name"),
    )


def _listed(names: list[tuple[str, ...]], common: set[str]) -> dict[str, set[str]]:
    """The words of each kind in a list of names; a name of one word is neither first nor last."""
    full = [name for name in names if len(name) > 1]
    return {
        "is_name": {word for name in names for word in name} - common,
        "is_first": {name[0] for name in full} - common,
        "is_last": {name[-1] for name in full} - common,
        "is_full": {" ".join(name) for name in full},
    }
