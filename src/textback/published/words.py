"""Published settings and ours in words, for the page and the figures."""

import pandas as pd

from textback.counted import counted


def where(row: pd.Series) -> str:
    """What a published number was measured on."""
    if row["metric"] == "ndcg_at_10":
        return f"{row['dataset']}, {row['published_embedder']}"
    tokens = counted(row["max_tokens"], "token")
    return f"{row['dataset']}, {row['published_embedder']}, {tokens}"


def how(row: pd.Series) -> str:
    """What was done for it."""
    words = [str(row["method"]).replace("-", " ").replace("+", " + ")]
    if row["steps"]:
        words.append(counted(row["steps"], "round"))
    if row["published_beam"] > 1:
        words.append(f"beam {row['published_beam']}")
    if row["noise"]:
        words.append(f"noise {row['noise']:g}")
    return ", ".join(words)


def own_setting(row: pd.Series) -> str:
    """What ours was measured on and how, of the row that stands in."""
    if row["metric"] == "ndcg_at_10":
        return f"{row['target_corpus']}, {row['embedder']}, {row['perturbation']}"
    words = [own_texts(row), row["inverter"], f"round {row['round']:.0f}, beam {row['beam']:.0f}"]
    if row["perturbation"] != "none":
        words.append(row["perturbation"])
    return ", ".join(words)


def own_texts(row: pd.Series) -> str:
    """What ours was measured on."""
    tokens = counted(int(row["target_length"]), "token")
    return f"{row['target_corpus']}, {row['embedder']}, {tokens}"
