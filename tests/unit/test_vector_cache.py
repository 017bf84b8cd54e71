"""Vectors that were paid for: kills and other processes lose none, and none is paid for twice."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from embedding_server import TEXTS, entry, load, once

from textback.embedders.vector_cache import FOLDER, VectorCache
from textback.errors import TextbackError


def test_another_model_url_or_dimension_shares_no_vector(server):
    load(server).embed(TEXTS[:4])
    load(server, base_url=server.url + "/").embed(TEXTS[:4])
    assert once(server, TEXTS[:4])
    load(server, dimensions=384).embed(TEXTS[:4])
    load(server, base_url=server.url.replace("127.0.0.1", "localhost")).embed(TEXTS[:4])
    assert set(server.answered.values()) == {3}
    assert len(list(Path(FOLDER).glob("*.sqlite"))) == 3


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
