"""The workflow with a paid embedder: what it says, what it asks again after a kill, what it keeps."""

import json
import os
import signal
import threading

import pandas as pd
import pytest
from embedding_server import KEY, KEY_VARIABLE, EmbeddingServer, entry, refuse
from running import Workflow

from textback.embeddings import read_embeddings

TARGET = "results/embeddings/few-speeches/bpe-2k/len4/local/test.safetensors"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    server = EmbeddingServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def passages(workflow):
    """The texts of all splits, in order."""
    return {
        split: pd.read_parquet(next(workflow.folder.glob(f"results/passages/**/{split}.parquet")))
        for split in ("train", "validation", "test")
    }


def test_a_run_without_its_key_ends_in_one_line_before_its_first_step(
    server, tmp_path, changed_config, monkeypatch
):
    config = changed_config(**{"embedders.local": entry(server), "use_embedders": ["local"]})
    workflow = Workflow(tmp_path / "folder")
    monkeypatch.delenv(KEY_VARIABLE)
    done = workflow.run(config=config)
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if "textback: error" in line)
    assert f"embedder 'local': the environment variable {KEY_VARIABLE} is not set" in line
    assert not (workflow.folder / "results" / "corpora").exists() and not server.requests


def test_a_killed_run_pays_for_no_passage_twice_and_a_refused_key_loses_nothing(
    server, tmp_path, changed_config
):
    def config(**changes):
        changes = {"batch": 20, "price": 0.5, "max_tokens": 60} | changes
        return changed_config(
            **{"embedders.local": entry(server, **changes), "use_embedders": ["local"]}
        )

    workflow = Workflow(tmp_path / "folder")
    held, end = threading.Event(), threading.Event()

    def hold(handler, asked):
        held.set()
        end.wait(60)

    # The gate asks for its texts in two requests; three of passages are answered, then one is held.
    server.plan = [None] * 5 + [hold]
    process = workflow.start(TARGET, config=config())
    try:
        assert held.wait(120), "the endpoint is not asked"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        end.set()
    assert len(server.answered) == 66

    server.plan = [None, refuse(401, f"wrong key {KEY}")]
    refused = workflow.run(TARGET, config=config())
    lines = {line for line in refused.stderr.splitlines() if "textback: error" in line}
    assert refused.returncode != 0
    assert {line.split("textback: error: ")[1] for line in lines} == {
        f"embedder 'local': {server.url} refuses the key (401): correct the environment variable "
        f"{KEY_VARIABLE}; what it answered before is kept"
    }
    assert len(server.answered) == 86

    # How the endpoint is asked may change in between.
    done = workflow.run(TARGET, config=config(batch=30, price=1.0))
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(server.answered.values()) == {1}
    splits = passages(workflow)
    texts = [text for split in splits.values() for text in split["text"]]
    assert len(server.answered) == 6 + len(texts) == 6 + len(set(texts))

    rows = read_embeddings(workflow.folder / TARGET)
    assert rows == pytest.approx(server.minilm.embed(splits["test"]["text"].tolist()), abs=1e-3)
    costs = json.loads((workflow.folder / TARGET).with_name("costs.json").read_text())
    assert costs["paid_queries"] == len(texts) - 80
    assert costs["paid_dollars"] == pytest.approx(costs["paid_tokens"] / 1e6)
    assert done.stderr.count("embedder 'local': at most ") == 1
    assert f"embedder 'local': paid for {len(texts) - 80} texts" in done.stderr

    files = [path for path in workflow.folder.rglob("*") if path.is_file()]
    assert len(list(workflow.folder.glob("results/.cache/embedders/*.sqlite"))) == 1
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in done.stdout + done.stderr + refused.stdout + refused.stderr

    # Nothing is planned by a change of how it is asked, and nothing to be paid is said then.
    again = workflow.run(TARGET, config=config(price=7.0, retries=0))
    assert "Nothing to be done" in again.stdout + again.stderr
    assert "at most" not in again.stdout + again.stderr
