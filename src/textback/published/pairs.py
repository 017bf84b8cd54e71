"""Each published number beside the rows of ours that rerun it, and whether the two agree.

A part of a study says which published settings it reruns (`published:` in its configuration). A
published number is paired with the part's rows of the same embedder, texts, length, round, beam,
noise and metric. Where the part names rows that stand in, those are taken instead: such a pair is
shown, and its verdict is `stand-in` unless the setting is the same after all. It is so, too, where
the part says in what its setting differs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from textback.config.published import SETTING, Published
from textback.files import read_csv
from textback.published.values import RENAMED
from textback.retrieval.means import mean_over_sets

AGREES, DIFFERS, STAND_IN = "agrees", "differs", "stand-in"
BEIR = (  # the tasks over which a published mean of nDCG@10 is taken
    *("arguana", "climate-fever", "cqadupstack", "dbpedia", "fever", "fiqa", "hotpotqa"),
    *("msmarco", "nfcorpus", "nq", "quora", "scidocs", "scifact", "trec-covid"),
    "webis-touche2020",
)
OURS = [
    *("corpus", "embedder", "length", "reduction", "dim", "inverter", "target_corpus"),
    *("target_length", "search", "perturbation", "round", "beam"),
]
MEASURED = ["value", "low", "high", "n", "seeds"]
THEIRS = [
    *("figure", "dataset", "published_embedder", "max_tokens", "method", "steps"),
    *("published_beam", "noise", "metric", "published", "published_n", "rounding", "source"),
]
NUMBERS = [
    *("steps", "published_beam", "noise", "published", "published_n", "max_tokens"),
    *("length", "dim", "target_length", "round", "beam", "difference", *MEASURED),
]
COLUMNS = ["study", "part", *THEIRS, *OURS, *MEASURED, "difference", "verdict", "differs"]

# The column of ours that says the same as a published one, and so the same setting.
SAME = {
    "published_embedder": "embedder",
    "texts": "own_texts",
    "max_tokens": "target_length",
    "noise": "level",
    "steps": "round",
    "published_beam": "own_beam",
}
FOLLOWS = {"perturbation": "level", "beam": "own_beam"}
OF_RETRIEVAL = {key: SAME[key] for key in ("published_embedder", "texts", "noise")}


def read_pairs(path: Path) -> pd.DataFrame:
    """A study's published.csv. Raises TextbackError where it is missing or broken."""
    pairs = read_csv(path)
    numbers = [column for column in NUMBERS if column in pairs]
    return pairs.assign(**pairs[numbers].apply(pd.to_numeric))


def pair(
    values: pd.DataFrame,
    table: pd.DataFrame,
    pooled: pd.DataFrame,
    retrieval: pd.DataFrame,
    parts: Mapping[str, Sequence[Published]],
    sets: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """The pairs of a study, a row a published number and row of ours, with COLUMNS.

    values: of `published.values.converted`; table, pooled, retrieval: the study's; parts: the
    entries of each part; sets: the retrieval sets that each part searches
    """
    found = []
    for part, entries in parts.items():
        ours = _of_part(table, pooled, part)
        searched = _mean_of_sets(retrieval, sets[part])
        for entry in entries:
            theirs = chosen(values, entry)
            theirs = theirs.assign(texts=theirs["dataset"].str.replace("_", "-"))
            by_text = theirs[theirs["metric"] != "ndcg_at_10"]
            by_search = theirs[theirs["metric"] == "ndcg_at_10"]
            both = (by_text, ours, SAME), (by_search, searched, OF_RETRIEVAL)
            found += [_join(*sides, entry).assign(part=part) for sides in both]
    found = [frame for frame in found if len(frame)]
    pairs = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
    pairs = pairs.assign(
        study=table["study"].iloc[0], difference=pairs["value"] - pairs["published"]
    )
    return pairs.reindex(columns=COLUMNS).drop_duplicates(ignore_index=True)


def chosen(values: pd.DataFrame, entry: Published) -> pd.DataFrame:
    """The published numbers that an entry picks."""
    for column in (*SETTING, "noise"):
        wanted = getattr(entry, column)
        if wanted is not None:
            values = values[values[RENAMED.get(column, column)] == wanted]
    return values


def left_out(values: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, int]:
    """How many published numbers have no row of ours beside them, by figure and texts."""
    keys = [key for key in THEIRS if key not in ("published", "rounding")]
    with_pair = values.merge(pairs[keys].drop_duplicates(), on=keys, how="left", indicator=True)
    alone = with_pair[with_pair["_merge"] == "left_only"]
    counts = alone.groupby(["figure", "dataset"], sort=False).size()
    return {f"{figure} of {dataset}": int(count) for (figure, dataset), count in counts.items()}


def left_out_line(counts: Mapping[str, int]) -> str:
    """What has been left out, in one line; empty where nothing was."""
    if not counts:
        return ""
    listed = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return (
        f"{sum(counts.values())} published values are left out, since nothing of this study was "
        f"run in their setting: {listed}"
    )


def verdicts(pairs: pd.DataFrame) -> np.ndarray:
    """Whether a published number lies in our interval, widened by its own error.

    The error of a published number over n texts is taken to be ours over as many texts, as the
    half of an interval falls with the root of n; where n is not known it is its rounding alone.
    Both errors add as independent ones do.
    """
    ratio = np.sqrt(pairs["n"] / pairs["published_n"].astype(float)).fillna(0)
    least = pairs["rounding"]
    below, above = (np.abs(pairs["value"] - pairs[end]) for end in ("low", "high"))
    low = pairs["value"] - np.hypot(below, below * ratio) - least
    high = pairs["value"] + np.hypot(above, above * ratio) + least
    inside = (low <= pairs["published"]) & (pairs["published"] <= high)
    return np.where(inside, AGREES, DIFFERS)


def _of_part(table: pd.DataFrame, pooled: pd.DataFrame, part: str) -> pd.DataFrame:
    """The inverter's rows of a part, seeds pooled, with what is compared with published columns.

    The pooled table has what several parts share as the first part's alone.
    """
    keys = [*OURS, "metric", "n"]  # another part may have inverted more of the same texts
    rows = table[(table["part"] == part) & (table["baseline"] == "")]
    inverted = pooled.loc[pooled["baseline"] == "", list(dict.fromkeys([*keys, *MEASURED]))]
    pooled = rows[keys].drop_duplicates().merge(inverted, on=keys)
    # The hypothesizer's own guess is the same whatever beam its correction has.
    guess = (pooled["round"] == 0) & ~pooled["search"].str.endswith("-from-beam")
    pooled = pooled.assign(
        own_texts=pooled["target_corpus"].str.removeprefix("beir-"),
        own_beam=pooled["beam"].mask(guess, 1),
        level=pooled["perturbation"].map(noise_level),
    ).sort_values("beam", kind="stable")
    return pooled.drop_duplicates([key for key in [*keys, "own_beam"] if key != "beam"])


def _mean_of_sets(retrieval: pd.DataFrame, sets: Sequence[str]) -> pd.DataFrame:
    """nDCG@10, its mean over the retrieval sets, with what is compared with published columns."""
    frame = mean_over_sets(retrieval, sets).assign(seeds=1)
    all_of_beir = {name.removeprefix("beir-") for name in sets} == set(BEIR)
    texts = "beir-mean" if all_of_beir else " ".join(sets)
    level = frame["perturbation"].map(noise_level).astype(float)
    return frame.assign(own_texts=texts, target_corpus=texts, level=level)


def noise_level(perturbation: str) -> float:
    """The λ of Gaussian noise, 0 of none; NaN of another perturbation."""
    if perturbation == "none":
        return 0.0
    kind, _, level = perturbation.partition(":")
    return float(level) if kind == "gaussian" else np.nan


def _join(
    theirs: pd.DataFrame, ours: pd.DataFrame, same: Mapping[str, str], entry: Published
) -> pd.DataFrame:
    """The pairs of some published numbers with some rows of ours, with their verdicts."""
    on = dict(same)
    if entry.stand_in is not None:
        rows = entry.stand_in.model_dump(exclude_none=True)
        for column, value in rows.items():
            if column in ours:
                ours = ours[ours[column] == value]
        free = {*rows, "embedder", "own_texts", "target_length"}
        free |= {FOLLOWS[column] for column in rows if column in FOLLOWS}
        on = {theirs: ours for theirs, ours in same.items() if ours not in free}
    pairs = theirs.merge(ours, left_on=["metric", *on], right_on=["metric", *on.values()])
    is_same = np.logical_and.reduce([pairs[a] == pairs[b] for a, b in same.items()])
    judged = is_same & (entry.differs is None)
    return pairs.assign(
        verdict=np.where(judged, verdicts(pairs), STAND_IN), differs=entry.differs or ""
    )
