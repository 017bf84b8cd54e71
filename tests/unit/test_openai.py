"""The kind `openai`, against a real server on this machine with minilm's real vectors."""

import numpy as np
import pytest
import torch
import yaml
from embedding_server import KEY, ROOT, TEXTS, entry, failing, load, once, spoil

from textback import specs, table
from textback.cells import RESULTS
from textback.config import read_embedder, read_study
from textback.device import cost
from textback.embedders.gate import check_lengths, gate
from textback.embedders.paid import Paid, paid_costs
from textback.errors import TextbackError
from textback.files import write_json
from textback.pages import costs_page
from textback.processes import mark_embedders
from textback.steps.hypotheses import HypothesisEmbedder


def test_vectors_are_minilms_own_in_the_order_of_the_texts(server):
    texts = [TEXTS[3], TEXTS[0], TEXTS[3], *TEXTS[5:]]
    rows = load(server).embed(texts)
    assert rows.dtype == np.float32
    assert rows == pytest.approx(server.minilm.embed(texts), abs=1e-5)
    assert load(server).embed([]).shape == (0, 384)


def test_a_text_is_asked_once_in_a_call_in_another_and_in_another_process(server):
    embedder = load(server)
    first = embedder.embed([*TEXTS, *TEXTS])
    again = load(server).embed(TEXTS[::-1])
    assert (first[: len(TEXTS)] == again[::-1]).all() and (
        embedder.embed(TEXTS) == first[:12]
    ).all()
    assert once(server) and server.requests == [4, 4, 4]


def test_it_passes_the_gate(server):
    states = read_embedder(entry(server))
    report = gate("local", load(server), states)
    assert report["dimension"] == 384 and report["distinct"] > 0.01


def test_a_wrong_statement_of_case_does_not_pass_the_gate(server):
    with pytest.raises(TextbackError, match="set cased: false"):
        gate("local", load(server), read_embedder(entry(server, cased=True)))


def test_dimensions_are_asked_for_just_where_the_entry_has_them(server):
    load(server, dimensions=384).embed(["one"])
    load(server).embed(["two"])
    asked = [body.get("dimensions") for body in server.bodies]
    assert asked == [384, None]


def test_requests_are_bounded_in_bytes_too(server, monkeypatch):
    monkeypatch.setattr("textback.embedders.openai.REQUEST_BYTES", 40)
    load(server).embed(TEXTS)
    assert set(server.requests) == {2} and once(server)


def test_no_text_has_more_tokens_than_are_counted(server):
    texts = ["wheat", "ünïcödé 文字 🙂", "of the people"]
    embedder = load(server, max_tokens=20)
    assert (embedder.count_tokens(texts) >= server.minilm.count_tokens(texts) - 2).all()
    assert embedder.count_tokens(texts)[1] == len(texts[1].encode())
    with pytest.raises(TextbackError, match=r"reads 20 tokens, but the passage .* has 23"):
        check_lengths("local", embedder, texts)


def test_an_empty_text_is_refused_before_anything_is_paid(server):
    assert "a text is empty" in failing(server, texts=["a", ""])
    assert server.requests == []


def test_what_was_spent_is_what_was_asked(server, logged):
    embedder = load(server, price=2.0)
    assert isinstance(embedder, Paid) and not isinstance(server.minilm, Paid)
    embedder.embed(TEXTS[:8])
    embedder.embed(TEXTS)
    words = sum(len(text.split()) for text in TEXTS)
    spent = {"paid_queries": 12, "paid_tokens": words, "paid_dollars": words * 2 / 1e6}
    assert paid_costs("local", embedder) == spent
    assert (
        logged.lines()[-1]
        == f"embedder 'local': paid for 12 texts, {words} tokens, $0.0001; others were known"
    )
    assert paid_costs("minilm", server.minilm) == {}
    assert not set(spent.values()) & set(paid_costs("local", load(server, price=2.0)).values())
    assert cost("cpu", **spent).keys() >= spent.keys()


def test_where_the_endpoint_counts_no_tokens_bytes_are_counted(server):
    server.plan = [spoil(lambda answer: answer | {"usage": None})]
    embedder = load(server)
    embedder.embed(TEXTS[:4])
    assert embedder.spent.tokens == sum(len(text.encode()) for text in TEXTS[:4])


def test_how_an_endpoint_is_asked_changes_no_step_and_still_reaches_it(server, monkeypatch):
    def study(**changes):
        config = yaml.safe_load((ROOT / "config.yaml").read_text())
        config["embedders"] = {"local": entry(server, **changes)}
        return read_study(config | {"use_embedders": ["local"]})

    usual = study()
    other = study(batch=9, price=0.02, retries=0, timeout=5)
    spec = specs.embed(usual, "local", 4)
    assert spec == specs.embed(other, "local", 4)
    assert spec != specs.embed(study(model="another"), "local", 4)
    monkeypatch.setenv("TEXTBACK_HOW_ASKED", "{}")
    mark_embedders(specs.how_asked(other))
    assert specs.embedder_entry(spec) == other.embedders["local"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key_variable": KEY}, "'key_variable' is not the name of an environment variable"),
        ({"key_variable": KEY.replace("-", "")}, "'key_variable' is not the name"),
        ({"base_url": f"https://user:{KEY}@127.0.0.1/v1"}, "without a user, password or query"),
        ({"base_url": f"https://127.0.0.1/v1?key={KEY}"}, "without a user, password or query"),
        ({"base_url": "127.0.0.1:8080"}, "must be http:// or https://"),
        ({"base_url": "http://127.0.0.1:8o8o/v1"}, "has no valid host or port"),
        ({"base_url": "http://127.0.0.1:80800/v1"}, "has no valid host or port"),
        ({"base_url": "https://[::1/v1"}, "has no valid host or port"),
        ({"base_url": "http://:8080/v1"}, "has no valid host or port"),
        ({"base_url": "http://local host/v1"}, "must be http:// or https://"),
        ({"dimensions": 256}, "asks its endpoint for 256 dimensions, but states 384"),
    ],
)
def test_an_entry_that_holds_a_key_or_contradicts_itself_is_refused(server, changes, message):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["embedders"]["unused"] = entry(server, **changes)
    with pytest.raises(TextbackError, match=message) as error:
        read_study(config)
    assert KEY not in str(error.value) and KEY.replace("-", "") not in str(error.value)


def test_hypotheses_are_paid_for_once_and_what_they_cost_is_recorded(server, tokenizer, tmp_path):
    states = read_embedder(entry(server, price=2.0))
    spec = {"name": "local", "embedder": states.model_dump()}
    embed = HypothesisEmbedder(spec, tokenizer, tmp_path / "state", "cpu")
    ids = torch.tensor(tokenizer.encode_batch(["one two", "six ten", "one two"]))
    rows = embed(ids, "toy")
    assert rows == pytest.approx(server.minilm.embed(["one two", "six ten", "one two"]), abs=1e-3)
    assert embed.costs() == {
        **{"embedder_queries": 2, "paid_queries": 2, "paid_tokens": 4, "paid_dollars": 8e-6}
    }


@pytest.mark.parametrize(
    "paid", [{}, {"paid_queries": 12, "paid_tokens": 70, "paid_dollars": 0.03}]
)
def test_the_page_of_costs_has_columns_of_what_was_paid_just_where_something_was(
    tmp_path, monkeypatch, paid
):
    monkeypatch.chdir(tmp_path)
    write_json(RESULTS / "costs.json", cost("cpu", embed_seconds=1.0, embedder_queries=12, **paid))
    gathered = table.costs("s", [(RESULTS / "costs.json", {"step": "embed"})])
    assert set(paid) == {metric for metric in gathered["metric"] if metric.startswith("paid")}
    table.write_csv(tmp_path / "costs.csv", gathered)
    page = costs_page(tmp_path)
    for shown in (
        "<th>paid queries</th>",
        "<th>paid tokens</th>",
        "<th>paid</th>",
        "<td>$0.0300</td>",
    ):
        assert (shown in page) == bool(paid), shown
    assert "<th>embedder queries</th>" in page
