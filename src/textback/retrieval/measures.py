"""How well a ranking answers its queries, by trec_eval's own code (pytrec_eval).

ndcg_at_10 is trec_eval's ndcg_cut_10: the judged score as gain, log2(rank + 1) as discount
(Järvelin & Kekäläinen 2002). recall_at_k is the share of a query's answers among the first k.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytrec_eval

from textback import bootstrap
from textback.retrieval.beir import JudgedSet

MEASURES = {  # and their names in trec_eval
    "ndcg_at_10": "ndcg_cut_10",
    "recall_at_10": "recall_10",
    "recall_at_100": "recall_100",
}
DEPTH = 100  # documents of a ranking that the measures see
ASKED = DEPTH + 1  # of the search: one of them may be the query itself


def measure(found: JudgedSet, ranked: np.ndarray) -> dict[str, list[float]]:
    """Every measure of every query, in the order of `found.queries`.

    ranked: indices of documents, (queries, ASKED or fewer), best first. A document with the
    query's own id is passed over, as BEIR does: in some sets the queries are documents.
    """
    names = list(found.documents)
    run = {
        query: _scores(query, [names[i] for i in row])
        for query, row in zip(found.queries, ranked, strict=True)
    }
    wanted = {"ndcg_cut.10", "recall.10,100"}
    scores = pytrec_eval.RelevanceEvaluator(found.judgements, wanted).evaluate(run)
    return {
        name: [scores[query][theirs] for query in found.queries]
        for name, theirs in MEASURES.items()
    }


def rows(
    columns: dict[str, Any], values: dict[str, list[float]], resamples: int
) -> list[dict[str, Any]]:
    """A row a measure: its mean over queries with its bootstrap interval, beside `columns`."""
    drawn = bootstrap.weights(len(next(iter(values.values()))), resamples)
    means = {name: bootstrap.mean_interval(np.array(own), drawn) for name, own in values.items()}
    return [
        {
            **{**columns, "metric": name, "value": mean.value},
            **{"low": mean.low, "high": mean.high, "n": mean.n},
        }
        for name, mean in means.items()
    ]


def _scores(query: str, documents: Sequence[str]) -> dict[str, float]:
    """Scores that say the order, so that trec_eval finds no ties to break by itself."""
    others = [document for document in documents if document != query][:DEPTH]
    return {document: float(DEPTH - place) for place, document in enumerate(others)}
