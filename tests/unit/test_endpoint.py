"""Requests that are limited, dropped, spoiled or refused, by a real server on this machine."""

import contextlib
import logging
import random
import threading
import time
from email.utils import formatdate
from urllib.parse import SplitResult

import pytest
from embedding_server import (
    KEY,
    KEY_VARIABLE,
    TEXTS,
    drop,
    failing,
    load,
    once,
    refuse,
    spoil,
)

from textback.embedders import endpoint
from textback.embedders.paid import paid_costs
from textback.errors import TextbackError


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
        refuse(500, long[:170] + KEY),
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
    assert "http://127.0.0.1:9/v1 cannot be reached (" in line
    assert "Connection refused), 4 times: start it, or correct 'base_url'" in line
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


@pytest.mark.parametrize("own", [False, True], ids=["another provider", "OpenAI"])
def test_an_account_with_openai_is_told_to_openai_alone(server, monkeypatch, own):
    monkeypatch.setenv("OPENAI_ORG_ID", "the-org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "the-project")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Own: word\nauthorization: Bearer other")
    if own:  # the same server, under a name that it is believed to have
        monkeypatch.setattr(
            endpoint, "urlsplit", lambda url: SplitResult("", "api.openai.com", "", "", "")
        )
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Own: word")
    load(server).embed(TEXTS[:1])
    assert once(server, TEXTS[:1])
    sent = [
        server.headers[-1].get(name) for name in ("OpenAI-Organization", "OpenAI-Project", "X-Own")
    ]
    assert sent == (["the-org", "the-project", "word"] if own else [None] * 3)


@pytest.mark.parametrize("key", [None, "", "sk with space", "sk\n", "schlüssel"])
def test_a_missing_or_impossible_key_is_told_by_its_variable(server, monkeypatch, key):
    monkeypatch.delenv(KEY_VARIABLE) if key is None else monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(TextbackError, match=f"environment variable {KEY_VARIABLE}") as error:
        load(server)
    assert not key or key not in str(error.value)


def test_the_key_is_in_no_log_no_error_and_no_file(server, monkeypatch, caplog, tmp_path, capfd):
    caplog.set_level(logging.DEBUG)
    for library in endpoint.LIBRARIES:
        logging.getLogger(library).setLevel(logging.DEBUG)
    monkeypatch.setattr("textback.progress.log.propagate", True)
    failures = [refuse(429, KEY), drop, refuse(500, KEY), spoil(lambda answer: KEY.encode())]
    server.plan = [*failures[:3], None, failures[3]]
    embedder = load(server)
    caplog.clear()  # what earlier clients said
    embedder.embed(TEXTS)
    paid_costs("local", embedder)
    for status in (400, 401, 403, 404, 422):
        failing(server, refuse(status, KEY), texts=[f"another {status}"])
    said = caplog.text + "".join(capfd.readouterr()) + repr(vars(embedder))
    assert "asks again in" in caplog.text and KEY not in said and "Bearer" not in said
    assert not {record.name.split(".")[0] for record in caplog.records} & set(endpoint.LIBRARIES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not any(KEY.encode() in path.read_bytes() for path in files)
