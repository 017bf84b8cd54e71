"""The kind `openai`, against a real server on this machine with minilm's real vectors."""

import contextlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from embedding_server import KEY, KEY_VARIABLE, ROOT, EmbeddingServer, drop, entry, refuse, spoil

from textback import specs, table
from textback.config import Axes, read_embedder, read_study
from textback.device import cost
from textback.embedders import endpoint, load_embedder
from textback.embedders.gate import check_lengths, gate
from textback.embedders.paid import Paid, paid_costs
from textback.embedders.vector_cache import FOLDER, VectorCache
from textback.errors import TextbackError
from textback.files import write_json
from textback.pages import costs_page
from textback.processes import mark_embedders
from textback.steps.hypotheses import HypothesisEmbedder

TEXTS = [f"the {word} of {i} men" for i, word in enumerate(["army", "navy", "peace", "war"] * 3)]


@pytest.fixture(scope="module")
def running():
    server = EmbeddingServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that requests would have waited. Whatever else sleeps goes on sleeping."""
    asked = []
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=asked.append, time=time.time))
    return asked


@pytest.fixture
def server(running, monkeypatch, tmp_path, waits):
    """The server with nothing planned and a folder without a cache."""
    running.begin_again()
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.chdir(tmp_path)
    return running


def load(server, **changes):
    return load_embedder("local", read_embedder(entry(server, **changes)))


def failing(server, *plan, texts=TEXTS, **changes):
    """The one line that embedding ends in."""
    server.plan = list(plan)
    with pytest.raises(TextbackError) as error:
        load(server, **changes).embed(texts)
    line = str(error.value)
    assert "\n" not in line and line.startswith("embedder 'local'") and KEY not in line
    return line


def once(server, texts=TEXTS):
    """Whether the server answered these texts, each once, and no other."""
    return server.answered == dict.fromkeys(texts, 1)


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


@pytest.mark.parametrize(
    "failure",
    [
        refuse(429, "slow down"),
        refuse(500, "oops"),
        refuse(503, "busy"),
        drop,
        spoil(lambda answer: b"<html>"),
        spoil(lambda answer: {"error": "busy"}),
        spoil(lambda answer: answer | {"data": answer["data"][:-1]}),
        spoil(lambda answer: answer | {"data": [answer["data"][0]] * 4}),
        spoil(lambda answer: answer | {"data": [{"index": [0]}] * 4}),
        spoil(lambda answer: answer | {"data": [{**d, "embedding": "x"} for d in answer["data"]]}),
        spoil(lambda answer: answer | {"data": [{**d, "embedding": None} for d in answer["data"]]}),
    ],
    ids=["429", "500", "503", "dropped", "html", "no-data", "too-few", "twice", "index", "words", "null"],
)  # fmt: skip
def test_what_a_second_request_can_mend_is_asked_again(server, waits, failure):
    server.plan = [None, failure]
    rows = load(server).embed(TEXTS)
    assert rows == pytest.approx(server.minilm.embed(TEXTS), abs=1e-5)
    assert once(server) and server.requests == [4, 4, 4, 4]
    assert len(waits) == 1 and 0.25 <= waits[0] <= 0.5


def test_answers_in_another_order_are_put_in_order(server):
    server.plan = [spoil(lambda answer: answer | {"data": answer["data"][::-1]})]
    assert load(server).embed(TEXTS[:4]) == pytest.approx(server.minilm.embed(TEXTS[:4]), abs=1e-5)


def test_waits_grow_twofold_to_a_bound_and_are_not_all_alike(server, waits, monkeypatch):
    monkeypatch.setattr(endpoint, "random", random.Random(0))
    line = failing(server, *[refuse(500, "oops")] * 12, retries=9)
    assert "has a server error (500: Error code: 500 - oops), 10 times" in line
    longest = [min(60, 0.5 * 2**i) for i in range(9)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len({wait / most for wait, most in zip(waits, longest, strict=True)}) == 9


@pytest.mark.parametrize("asked, low, high", [("7", 7, 7), (90, 88, 90), ("soon", 0.25, 0.5)])
def test_retry_after_is_honoured_in_seconds_and_as_a_date(server, waits, asked, low, high):
    header = formatdate(time.time() + asked, usegmt=True) if asked == 90 else asked
    server.plan = [refuse(429, "slow down", Retry_After=header)]
    load(server).embed(TEXTS)
    assert len(waits) == 1 and low <= waits[0] <= high and once(server)


def test_an_endpoint_that_asks_to_wait_for_hours_ends_the_run(server, waits):
    line = failing(server, refuse(429, "tomorrow", Retry_After="7200"))
    assert "limits the rate (429) and asks to wait 7200 s: run again later" in line
    assert waits == []


def ends_at_once(server, line, message, requests=1):
    assert message in line
    assert len(server.requests) == requests


def test_a_used_up_quota_is_not_asked_again(server):
    line = failing(server, refuse(429, "exceeded", code="insufficient_quota"))
    ends_at_once(server, line, "quota is used up (429): top it up")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_by_its_variable_never_itself(server, monkeypatch, status):
    line = failing(server, refuse(status, f"wrong key {KEY}"))
    ends_at_once(
        server, line, f"refuses the key ({status}): correct the environment variable {KEY_VARIABLE}"
    )


def test_a_key_that_an_answer_repeats_is_taken_out(server):
    long = "no " * 80  # what is cut off must not leave a part of it
    for failure in (
        refuse(400, f"bad {KEY} here"),
        refuse(500, long[:190] + KEY),
        spoil(lambda a: f"it is {KEY}".encode()),
    ):
        line = failing(server, *[failure] * 4)
        assert KEY[:8] not in line


def test_an_unknown_model_and_a_refused_request_are_named(server):
    line = failing(server, model="no-such")
    ends_at_once(
        server, line, "does not know model 'no-such' (404: Error code: 404 - no such model)"
    )
    line = failing(server, refuse(413, "too many texts"))
    ends_at_once(
        server, line, "refuses the request (413: Error code: 413 - too many texts): correct", 2
    )


def test_an_endpoint_that_is_down_is_named(server, waits):
    line = failing(server, base_url="http://127.0.0.1:9/v1")
    assert (
        "http://127.0.0.1:9/v1 cannot be reached ([Errno 111] Connection refused), 4 times" in line
    )
    assert len(waits) == 3


def test_an_endpoint_that_does_not_answer_is_not_waited_for(server):
    end = threading.Event()
    line = failing(server, *[lambda handler, asked: end.wait(5)] * 2, timeout=0.2, retries=1)
    end.set()
    assert "does not answer within 0.2 s, 2 times: run again later" in line


@pytest.mark.parametrize(
    ("change", "message", "requests"),
    [
        (lambda answer: b"<html>", "answers something that is not JSON: <html>, 3 times", 3),
        (lambda answer: {"data": {}}, "answers without a list of embeddings in 'data'", 3),
        (lambda answer: answer | {"data": answer["data"][1:]}, "with 3 embeddings, or wrong indices, for 4 texts", 3),
        (lambda answer: answer | {"data": [{**d, "embedding": d["embedding"][:9]} for d in answer["data"]]},
         "answers with 9 dimensions instead of 384: correct 'dimension'", 1),
        (lambda answer: answer | {"data": [{**d, "embedding": [float("nan")] * 384} for d in answer["data"]]},
         "gives 'the army of 0 men' NaN or infinite components, 3 times", 3),
    ],
)  # fmt: skip
def test_an_endpoint_that_stays_malformed_is_named_with_what_came(
    server, change, message, requests
):
    line = failing(server, *[spoil(change)] * requests)
    ends_at_once(server, line, message, requests)


def test_a_dimension_that_changes_midway_loses_no_earlier_answer(server):
    def shorter(answer):
        return answer | {"data": [{**d, "embedding": d["embedding"][:9]} for d in answer["data"]]}

    line = failing(server, None, None, spoil(shorter))
    assert "answers with 9 dimensions instead of 384" in line and "earlier answers are kept" in line
    load(server).embed(TEXTS)
    assert once(server)


def test_whatever_ends_a_run_earlier_answers_are_kept(server):
    for failure in (refuse(401, "no"), refuse(400, "no"), *[drop] * 4):
        server.plan.append(failure)
    for _ in range(3):
        with contextlib.suppress(TextbackError):
            server.plan.insert(0, None)
            load(server).embed(TEXTS)
    load(server).embed(TEXTS)
    assert once(server)


def test_texts_beside_one_that_gets_no_finite_vector_are_kept(server):
    def poison(handler, asked):
        answer = handler.server.answer(asked["input"])
        handler.server.answered.update(set(asked["input"]) - {TEXTS[1]})
        for text, row in zip(asked["input"], answer["data"], strict=True):
            if text == TEXTS[1]:
                row["embedding"][3] = float("nan")
        handler.send(200, answer)

    server.always = poison
    line = failing(server)
    assert f"gives '{TEXTS[1]}' NaN" in line and server.requests == [4, 1, 1]
    server.always = None
    load(server).embed(TEXTS)
    assert once(server)


def test_an_empty_text_is_refused_before_anything_is_paid(server):
    assert "a text is empty" in failing(server, texts=["a", ""])
    assert server.requests == []


@pytest.mark.parametrize("key", [None, "", "sk with space", "sk\n", "schlüssel"])
def test_a_missing_or_impossible_key_is_told_by_its_variable(server, monkeypatch, key):
    monkeypatch.delenv(KEY_VARIABLE) if key is None else monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(TextbackError, match=f"environment variable {KEY_VARIABLE}") as error:
        load(server)
    assert not key or key not in str(error.value)


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


def test_another_model_url_or_dimension_shares_no_vector(server):
    load(server).embed(TEXTS[:4])
    load(server, base_url=server.url + "/").embed(TEXTS[:4])
    assert once(server, TEXTS[:4])
    load(server, dimensions=384).embed(TEXTS[:4])
    load(server, base_url=server.url.replace("127.0.0.1", "localhost")).embed(TEXTS[:4])
    assert set(server.answered.values()) == {3}
    assert len(list(Path(FOLDER).glob("*.sqlite"))) == 3


def test_the_key_is_in_no_log_no_error_and_no_file(server, monkeypatch, caplog, tmp_path, capfd):
    caplog.set_level(logging.DEBUG)
    for library in endpoint.LIBRARIES:
        logging.getLogger(library).setLevel(logging.DEBUG)
    monkeypatch.setattr("textback.progress.log.propagate", True)
    failures = [refuse(429, KEY), drop, refuse(500, KEY), spoil(lambda answer: KEY.encode())]
    server.plan = [*failures[:3], None, failures[3]]
    embedder = load(server)
    embedder.embed(TEXTS)
    paid_costs("local", embedder)
    for status in (400, 401, 403, 404, 422):
        failing(server, refuse(status, KEY), texts=[f"another {status}"])
    said = caplog.text + "".join(capfd.readouterr()) + repr(vars(embedder))
    assert "asks again in" in caplog.text and KEY not in said and "Bearer" not in said
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not any(KEY.encode() in path.read_bytes() for path in files)


PROCESS = """
import json, sys
from textback.config import read_embedder
from textback.embedders import load_embedder
entry, texts = map(json.loads, sys.argv[1:])
load_embedder("local", read_embedder(entry)).embed(texts)
"""


def start(server, texts):
    arguments = [json.dumps(entry(server)), json.dumps(texts)]
    return subprocess.Popen([sys.executable, "-c", PROCESS, *arguments], env=os.environ)


def test_a_killed_process_pays_for_no_text_twice(server):
    held, end = threading.Event(), threading.Event()

    def hold(handler, asked):
        held.set()
        end.wait(30)

    server.plan = [None, None, hold]
    process = start(server, TEXTS)
    assert held.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    end.set()
    assert once(server, TEXTS[:8])
    assert start(server, TEXTS).wait(30) == 0
    assert once(server)


def test_two_processes_at_once_end_well_and_keep_all_they_paid_for(server):
    processes = [start(server, TEXTS), start(server, TEXTS[::-1])]
    assert [process.wait(60) for process in processes] == [0, 0]
    answered = dict(server.answered)
    rows = load(server).embed(TEXTS)
    assert rows == pytest.approx(server.minilm.embed(TEXTS), abs=1e-5)
    assert server.answered == answered and set(answered) == set(TEXTS)


def test_many_writers_of_one_cache_lose_nothing(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)

    def write(part):
        cache = VectorCache(tmp_path / "cache.sqlite", 3)
        for i in range(part, 64, 4):
            cache.write([str(i)], vectors[i : i + 1])

    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = VectorCache(tmp_path / "cache.sqlite", 3).read([str(i) for i in range(65)])
    assert len(found) == 64 and all((found[str(i)] == vectors[i]).all() for i in range(64))


def test_a_broken_or_unwritable_cache_is_named_in_one_line(server, tmp_path):
    load(server)
    path = next((tmp_path / FOLDER).glob("*.sqlite"))
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(
        TextbackError, match=r"cache .*sqlite: file is not a database: move the file"
    ):
        load(server)
    path.unlink()
    path.mkdir()
    with pytest.raises(TextbackError, match=r"unable to open database file: free some space"):
        load(server)


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
        ({"dimensions": 256}, "asks its endpoint for 256 dimensions, but states 384"),
    ],
)
def test_an_entry_that_holds_a_key_or_contradicts_itself_is_refused(server, changes, message):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["embedders"]["unused"] = entry(server, **changes)
    with pytest.raises(TextbackError, match=message) as error:
        read_study(config)
    assert KEY not in str(error.value) and KEY.replace("-", "") not in str(error.value)


WRITER = """
import sys, itertools
from pathlib import Path
import numpy as np
from textback.embedders.vector_cache import VectorCache
cache = VectorCache(Path(sys.argv[1]), 3)
for i in itertools.count(int(sys.argv[2])):
    cache.write([f"{i} {j}" for j in range(50)], np.full((50, 3), i, np.float32))
    print(i, flush=True)
"""


def test_what_a_cache_has_written_outlives_kills_in_the_middle_of_writing(tmp_path):
    path, next_one, rng = tmp_path / "cache.sqlite", 0, random.Random(0)
    for _ in range(3):
        arguments = [sys.executable, "-c", WRITER, str(path), str(next_one)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        last = int(process.stdout.readline())
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        last = int((process.stdout.read().split() or [last])[-1])
        process.wait()
        cache = VectorCache(path, 3)
        found = cache.read([f"{i} {j}" for i in range(last + 1) for j in range(50)])
        assert len(found) == 50 * (last + 1)
        assert all((vector == int(text.split()[0])).all() for text, vector in found.items())
        after = cache.read([f"{last + 1} {j}" for j in range(50)])
        assert len(after) in (0, 50)  # a request's answer is there as a whole or not at all
        next_one = last + 1


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
def test_the_page_of_costs_has_columns_of_what_was_paid_just_where_something_was(tmp_path, paid):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    axes = specs.table(read_study(config | {"lengths": [4]}))["axes"]
    write_json(tmp_path / "costs.json", cost("cpu", embed_seconds=1.0, embedder_queries=12, **paid))
    gathered = table.costs(Axes(**axes), [(tmp_path / "costs.json", {"step": "embed"})])
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
