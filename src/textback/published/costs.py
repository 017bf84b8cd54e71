"""What the rows of ours beside the published numbers cost: device, hours and dollars."""

import pandas as pd

CELL = ["corpus", "embedder", "length", "reduction", "dim", "inverter"]
TEXTS = ["corpus", "embedder", "length"]
TRAINING = ("hypothesizer", "hypotheses", "corrector")
COLUMNS = ["device", "hours", "dollars"]


def with_costs(pairs: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """The pairs with what each row's cell cost, over all seeds.

    Counted are its embeddings, its training and the inversions with the row's beam, of whatever
    texts and rounds; the null model, which no published number needs, is not.
    """
    if pairs.empty:
        return pairs.reindex(columns=[*pairs.columns, *COLUMNS])
    seconds = costs["metric"].str.endswith("_seconds") | (costs["metric"] == "paid_dollars")
    costs = costs[seconds].astype({"value": float})
    rows = pairs[[*CELL, "beam"]].drop_duplicates()
    found = [{**row, **_cost(row, costs)} for row in rows.to_dict("records")]
    return pairs.merge(pd.DataFrame(found), on=[*CELL, "beam"], how="left")


def _cost(row: dict[str, object], costs: pd.DataFrame) -> dict[str, object]:
    """Empty of a row that no cell is behind, such as one of retrieval."""
    if pd.isna(row["corpus"]):
        return {"device": "", "hours": None, "dollars": None}
    step = costs["step"]
    counted = (step == "embed") & _equal(costs, row, TEXTS)
    counted |= step.isin(TRAINING) & _equal(costs, row, CELL)
    counted |= (step == "invert") & _equal(costs, row, [*CELL, "beam"])
    own = costs[counted]
    paid = own["metric"] == "paid_dollars"
    return {
        "device": "; ".join(sorted(own["device"].unique())),
        "hours": own.loc[~paid, "value"].sum() / 3600,
        "dollars": own.loc[paid, "value"].sum(),
    }


def _equal(costs: pd.DataFrame, row: dict[str, object], columns: list[str]) -> pd.Series:
    return (costs[columns] == pd.Series({column: row[column] for column in columns})).all(axis=1)
