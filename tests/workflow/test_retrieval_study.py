"""A study that also searches a retrieval set: its table, its figure, and what is made again."""

import json

import pandas as pd
import pytest

COLUMNS = (
    "schema study part retrieval_set embedder reduction dim perturbation metric value low high n"
)
TEXTS = {
    "wheat": "farmers in the north grow wheat and rye",
    "navy": "the ships of the navy sail the ocean",
    "law": "the senate passed a law about taxes",
}


@pytest.fixture
def searching(copied, changed_config):
    """The finished study, and a function that writes its config with a retrieval set in use."""
    folder = copied.folder / "tiny set"
    (folder / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", TEXTS), ("queries", {f"q-{n}": n for n in TEXTS})):
        lines = [json.dumps({"_id": key, "text": text}) for key, text in texts.items()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    judged = [f"q-{name}\t{name}\t1" for name in TEXTS]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query\tdocument\tscore", *judged]))

    def config(*perturbations):
        return changed_config(
            **{"retrieval_sets.three": {"folder": str(folder)}, "use_retrieval_sets": ["three"]},
            **{"perturbations": ["none", *perturbations], "figures": ["leakage_retrieval"]},
        )

    return copied, config, folder


def test_a_study_with_a_retrieval_set_has_its_table_its_figure_and_its_costs(searching):
    workflow, config, folder = searching
    done = workflow.run(config=config("gaussian:0.01"))
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(workflow.study / "retrieval.csv")
    assert list(table.columns) == COLUMNS.split()
    assert len(table) == 2 * 3 and set(table["perturbation"]) == {"none", "gaussian:0.01"}
    assert (table["value"] == 1).all() and (table["n"] == 3).all()  # each word finds its text
    figure = workflow.study / "figures" / "leakage_retrieval.svg"
    assert figure.read_text().startswith("<?xml")
    assert "retrieval.csv" in (workflow.study / "report.html").read_text()
    costs = pd.read_csv(workflow.study / "costs.csv")
    assert costs.query("step == 'retrieval' and corpus == 'three'")["metric"].is_unique
    embedded = workflow.folder / "results" / "retrieval" / "three" / "minilm"
    assert json.loads((embedded / "texts.json").read_text())["documents_cut"] == 0

    # A perturbation more embeds and trains nothing again; another set of documents is embedded.
    planned = workflow.planned(config=config("gaussian:0.01", "int8"))
    assert planned["score_retrieval"] == planned["retrieval_table"] == 1
    assert planned["invert"] == 1 and not {"embed_retrieval", "corrector"} & set(planned)
    (folder / "corpus.jsonl").write_text((folder / "corpus.jsonl").read_text() + "\n")
    planned = workflow.planned(config=config("gaussian:0.01"))
    assert planned["embed_retrieval"] == 1 and planned["score_retrieval"] == 2
