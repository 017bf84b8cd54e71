"""The wheels for an air-gapped machine: those of uv.lock, all that are needed, and few."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workflow" / "airgapped"
PAGE = (ROOT / "docs" / "air-gapped.md").read_text()
sys.path.insert(0, str(FOLDER))

import lock  # noqa: E402

BASE = [
    "torch",
    "transformers",
    "sentence-transformers",
    "pandas",
    "matplotlib",
    "seaborn",
    "sacrebleu",
    "pytest",
]
LEFT_OUT = {"openai", "datasets"}  # only embedders and corpora of other kinds use them
BUILT = {"connection-pool", "textback"}  # no wheel is published
WHEELS, LARGE = (file.read_text() for file in lock.FILES)


@pytest.fixture(scope="module")
def locked():
    return lock.packages()


def needed(locked, roots):
    """What these packages need on CPython 3.12, Linux, x86-64, themselves included."""
    from packaging.markers import Marker

    there = {
        "python_version": "3.12",
        "python_full_version": "3.12.3",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    found, left = set(), list(roots)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            wanted = locked[name].get("dependencies", [])
            left += [
                d["name"]
                for d in wanted
                if "marker" not in d or Marker(d["marker"]).evaluate(there)
            ]
    return found


@pytest.mark.parametrize("text", [WHEELS, LARGE])
def test_versions_and_hashes_are_those_of_the_lock(text):
    assert lock.renewed(text) == text, "run python workflow/airgapped/lock.py"


def test_the_wheels_are_less_than_40_megabytes_together(locked):
    sizes = [lock.wheel(locked[name])["size"] for name in lock.names(WHEELS)]
    assert len(sizes) == len(WHEELS.splitlines()) - 5
    assert sum(sizes) < 39.5e6  # textback and connection-pool, small ones, come to them


def test_nothing_that_textback_needs_is_missing(locked):
    direct = [d["name"] for d in locked["textback"]["dependencies"] if d["name"] not in LEFT_OUT]
    there = needed(locked, BASE) | set(lock.names(WHEELS)) | set(lock.names(LARGE)) | BUILT
    assert needed(locked, direct) - there == set()


def test_vec2texts_wheels_are_what_its_requirements_pin():
    files = (ROOT / "benchmarks" / "vec2text" / name for name in ("requirements.txt", "wheels.txt"))
    pinned, brought = (
        dict(line.split("==") for line in file.read_text().splitlines() if "==" in line)
        for file in files
    )
    names = {name.replace("_", "-"): number for name, number in pinned.items()}
    for name, number in names.items():
        assert brought[name].startswith(number), name
    assert "torch" not in brought and "rouge-score" not in brought


def test_what_is_left_out_is_loaded_by_its_own_kind_alone():
    import subprocess

    code = (
        "import sys; sys.modules |= dict.fromkeys(('openai', 'datasets'));"
        "from textback import cli, embedders, corpora; from textback.steps import data, embed,"
        " train, hypotheses, corrector, invert, score, study, draw, retrieval"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_page_fetches_both_lists_and_installs_what_they_bring():
    for file in lock.FILES:
        assert file.stem in PAGE
    for name in ("snakemake", "typer", "pydantic", "rapidfuzz", "connection-pool"):
        assert name in PAGE
