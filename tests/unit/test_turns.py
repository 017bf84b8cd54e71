"""The two sides of a comparison with vec2text: who waits for whom, and what is told of a failure."""

import itertools
import os
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest

SIDES = Path(__file__).parents[2] / "benchmarks" / "vec2text"
sys.path.insert(0, str(SIDES))

from theirs import Job, Vec2text  # noqa: E402
from turns import LOCK, turn  # noqa: E402

REFERENCE = """#!{python}
import json, sys, time
from pathlib import Path
given = sys.argv[2:]  # after reference.py
file = Path(given[given.index("--file") + 1])
(file.parent / "ready").touch()
for job in json.loads(file.read_text()):
    while job["after"] and not Path(job["after"]).exists():
        time.sleep(0.01)
    words = job["words"]
    if words[0] == "fail":
        raise SystemExit("boom")
    Path(words[words.index("--output") + 1]).write_text(json.dumps({{"words": words}}))
"""


@pytest.fixture
def options(tmp_path):
    """With a program in place of vec2text's Python, which says what it was asked."""
    fake = tmp_path / "python"
    fake.write_text(REFERENCE.format(python=sys.executable))
    fake.chmod(0o755)
    return Namespace(folder=tmp_path, python=str(fake), device="cpu", threads=1)


def test_every_job_has_its_own_result_and_words(options):
    jobs = [Job(("train", "--batch", number)) for number in (3, 3, 4)]  # two are alike
    with Vec2text(options, jobs) as vec2text:
        found = [vec2text.result(job)["words"] for job in reversed(jobs)]
        assert vec2text.has(jobs)
    assert [words[:3] for words in found] == [["train", "--batch", n] for n in ("4", "3", "3")]
    assert len({words[words.index("--output") + 1] for words in found}) == 3
    assert all(words[words.index("--folder") + 1] == str(options.folder) for words in found)
    assert LOCK not in os.environ


def test_a_job_waits_for_the_file_that_it_needs(options, tmp_path):
    job = Job(("invert",), after=tmp_path / "trained")
    with Vec2text(options, [job]) as vec2text:
        time.sleep(0.3)
        assert not vec2text.has([job])
        job.after.touch()
        assert vec2text.result(job)["words"][0] == "invert"


def test_a_failure_ends_both_with_what_it_said(options):
    jobs = [Job(("train",)), Job(("fail",)), Job(("invert",))]
    with Vec2text(options, jobs) as vec2text:
        assert vec2text.result(jobs[0])
        with pytest.raises(SystemExit, match="boom"):
            vec2text.result(jobs[2])
        with pytest.raises(SystemExit, match="boom"):
            vec2text.has(jobs)


def test_an_environment_that_is_not_there_is_one_line(options):
    options.python = "/nowhere/python"
    with pytest.raises(SystemExit, match="make vec2text's environment"):
        Vec2text(options, [])


TAKES = """
import sys, time
sys.path.insert(0, {sides!r})
from turns import turn
with turn():
    with turn():
        began = time.monotonic()
        time.sleep(0.2)
    print(began, time.monotonic())
"""


def test_turns_never_overlap_and_one_within_another_is_it(tmp_path, monkeypatch):
    monkeypatch.setenv(LOCK, str(tmp_path / "turn"))
    words = [sys.executable, "-c", TAKES.format(sides=str(SIDES))]
    with turn():
        others = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        time.sleep(0.5)
        ended = time.monotonic()
    taken = sorted(tuple(map(float, other.communicate()[0].split())) for other in others)
    assert taken[0][0] > ended
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(taken))
