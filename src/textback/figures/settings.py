"""What figures of a study of many parts share: names of cells, and what is published of them."""

import pandas as pd

from textback.config import FIGURES
from textback.errors import TextbackError
from textback.figures import Tables
from textback.figures.select import embedding_sizes, level, measured_once, of_inverter, undisturbed

CELL = ["corpus", "embedder", "length", "reduction", "dim"]
ATTACK = [*CELL, "inverter"]


def title(rows: pd.DataFrame, *columns: str) -> str:
    """The setting of some rows: corpus, embedder and length, or other columns."""
    first = rows.iloc[0]
    words = [str(first[column]) for column in columns or ("corpus", "embedder", "length")]
    return ", ".join(words) + (" tokens" if not columns or columns[-1] == "length" else "")


def beside(pairs: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The published values whose rows of ours are of the same cell as these rows."""
    return pairs.merge(rows[CELL].drop_duplicates(), on=CELL)


def measured(tables: Tables) -> pd.DataFrame:
    """The inverter's measurements, each once, whichever parts of the study have it."""
    return measured_once(of_inverter(tables.measurements))


def attacks(texts: pd.DataFrame) -> list[pd.DataFrame]:
    """The texts of each corpus, embedder and length, of one attack: see `first_attack`.

    Raises TextbackError where no cell's own texts are inverted.
    """
    texts = undisturbed(texts)
    if texts.empty:
        raise TextbackError(
            "the study inverts no test passages of its cells' own: run a part without "
            "'target_corpora' and 'target_lengths'"
        )
    settings = texts.groupby(["corpus", "embedder", "length"], sort=False)
    return [first_attack(rows) for _, rows in settings]


def first_attack(texts: pd.DataFrame) -> pd.DataFrame:
    """Each text's rounds once, of one inverter and search, largest embedding, widest beam.

    It is the first of those that run most rounds, and of its searches the plainest; one that begins
    with the hypothesizer's guess, if any does.
    """
    reduction, dim = embedding_sizes(texts)[-1]
    texts = texts[(texts["reduction"] == reduction) & (texts["dim"] == dim)]
    guessed = texts[~texts["search"].str.contains("-from-")]
    texts = guessed if len(guessed) else texts
    longest = texts[texts["round"] == texts["round"].max()]
    plainest = longest.assign(length=longest["search"].str.len()).sort_values(
        "length", kind="stable"
    )
    inverter, search = plainest[["inverter", "search"]].iloc[0]
    texts = texts[(texts["inverter"] == inverter) & (texts["search"] == search)]
    widest = texts[texts["beam"] == texts["beam"].max()]
    return widest.drop_duplicates(["seed", "text", "round"])


def comparable(rows: pd.DataFrame, column: str, pairs: pd.DataFrame) -> pd.DataFrame:
    """The rows in which values of `column` are compared: see `select.level`.

    Where something is published of these cells, after the rounds and beam that it was published of.
    """
    known = pairs.loc[pairs["round"] > 0, [*CELL, "round", "beam"]].drop_duplicates()
    same = rows.merge(known.astype(rows[known.columns].dtypes))
    return level(same if len(same) else rows, column)


class NothingToShow(TextbackError):
    """The error of a figure whose study has nothing for it to compare; `reason` in a few words."""

    def __init__(self, figure: str) -> None:
        self.reason = f"no cell with {FIGURES[figure].varies}"
        super().__init__(
            f"figure '{figure}': the study's table has {self.reason}: "
            "run a part that has them, or leave it out of 'figures'"
        )
