"""What the rows of ours beside the published numbers cost: device, hours and dollars."""

from collections.abc import Mapping, Sequence

import pandas as pd

TEXTS = ["corpus", "embedder", "length"]
CELL = [*TEXTS, "reduction", "dim", "inverter"]
TARGET = ["target_corpus", "target_length"]
INVERSION = [*CELL, *TARGET, "search", "perturbation", "beam", "rounds"]
NUMBERS = ["length", "dim", "target_length", "beam", "rounds", "value"]
COLUMNS = ["device", "hours", "dollars"]


def with_costs(
    pairs: pd.DataFrame, costs: pd.DataFrame, owners: Mapping[str, str], rounds: Mapping[str, int]
) -> pd.DataFrame:
    """The pairs with what each row's cell and inversions cost, over all seeds.

    Counted are the embeddings, the training and the inversions of the row's texts with its search
    and beam, in all rounds of its part; the null model, which no published number needs, is not.
    Rows that share a cell each have its whole training.

    costs: costs.csv; owners: of each inverter the one whose hypothesizer it has; rounds: of each
    part's inversions
    """
    if pairs.empty:
        return pairs.reindex(columns=[*pairs.columns, *COLUMNS])
    spent = costs["metric"].str.endswith("_seconds") | (costs["metric"] == "paid_dollars")
    costs = costs[spent].copy()
    costs[NUMBERS] = costs[NUMBERS].apply(pd.to_numeric)
    pairs = pairs.assign(rounds=pairs["part"].map(rounds))
    rows = pairs[INVERSION].drop_duplicates()
    found = [{**row, **_cost(row, costs, owners)} for row in rows.to_dict("records")]
    return pairs.merge(pd.DataFrame(found), on=INVERSION, how="left").drop(columns="rounds")


def _cost(
    row: dict[str, object], costs: pd.DataFrame, owners: Mapping[str, str]
) -> dict[str, object]:
    """Empty of a row that no cell is behind, such as one of retrieval."""
    if pd.isna(row["corpus"]):
        return {"device": "", "hours": None, "dollars": None}
    step = costs["step"]
    own_texts = costs["target_length"].isna() | _equal(costs, row, TARGET)
    owner = row | {"inverter": owners[str(row["inverter"])]}
    spent = (step == "embed") & _equal(costs, row, TEXTS) & own_texts
    spent |= (step == "hypothesizer") & _equal(costs, owner, CELL)
    spent |= step.isin(["hypotheses", "corrector"]) & _equal(costs, row, CELL)
    spent |= (step == "invert") & _equal(costs, row, INVERSION)
    own = costs[spent]
    paid = own["metric"] == "paid_dollars"
    return {
        "device": "; ".join(sorted(own["device"].unique())),
        "hours": own.loc[~paid, "value"].sum() / 3600,
        "dollars": own.loc[paid, "value"].sum(),
    }


def _equal(costs: pd.DataFrame, row: Mapping[str, object], columns: Sequence[str]) -> pd.Series:
    same = pd.Series(True, index=costs.index)
    for column in columns:
        same &= costs[column] == row[column]
    return same
