"""`benchmarks/targets`: its table from what rows found, and that no row ends another."""

import importlib.util
import json
import shlex
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "targets"), str(BENCHMARKS)]

import measuring  # noqa: E402
import rows  # noqa: E402
import table  # noqa: E402

VERSIONS = {"torch": "2.11", "python": "3.12"}
HERE = {"device": "NVIDIA H200", "versions": VERSIONS}
FOUND = {  # as the commands write it
    "mfu": {
        **HERE,
        "settings": {"size": "base", "length": 32},
        "results": {
            "hypothesizer": {
                "tflop_per_second": 300.0,
                "matmul_tflop_per_second": 600.0,
                "mfu": 0.5,
                "examples_per_second": 9000.0,
            }
        },
    },
    "embedding": {
        **HERE,
        "settings": {"length": 32},
        "results": {
            "bfloat16": {
                "examples_per_second": 30_000.0,
                "encode_examples_per_second": 15_000.0,
                "ratio_to_encode": 2.0,
            }
        },
    },
    "passages": {
        **HERE,
        "passages_per_second": {
            "textback": 9000.0,
            "encode, batch 16": 3.0,
            "encode, batch 32": 6000.0,
        },
        "ratio": 1.5,
    },
    "beside": {
        **HERE,
        "training": {
            **HERE,
            "size": "base",
            "examples_per_second": {
                "vec2text, each-step, fp32": 100.0,
                "vec2text, each-step, bf16": 200.0,
                "vec2text, precomputed, fp32": 500.0,
                "vec2text, precomputed, bf16": 400.0,
                "textback, T5": 1500.0,
            },
        },
        "inversion": {
            **HERE,
            "size": "base",
            "rounds": 50,
            "beam": 8,
            "textback": [
                {"breadth": 2, "edits": True, "seconds_per_text": 0.2, "cosine": 0.9},
                {"breadth": 1, "edits": False, "seconds_per_text": 0.1, "cosine": 0.7},
            ],
            "vec2text": {"seconds_per_text": 6.0, "cosine": 0.8},
            "ratio": [30.0, 60.0],
            "ratio_as_near": [40.0, None],
        },
        "bleu": {
            **HERE,
            "size": "base",
            "textback": [
                {"share": 0.05, "seconds": 6.0, "bleu": 1.0},
                {"share": 0.2, "seconds": 24.0, "bleu": 4.5},
                {"share": 1.0, "seconds": 119.0, "bleu": 20.0},
            ],
            "vec2text": [
                {
                    "bleu": 4.0,
                    "seconds": 120.0,
                    "curve": [{"seconds": 96.0, "bleu": 4.0}, {"seconds": 120.0, "bleu": 4.0}],
                },
                {"bleu": 1.0, "seconds": 120.0, "curve": [{"seconds": 120.0, "bleu": 1.0}]},
            ],
        },
    },
    "search": {
        **HERE,
        "settings": {"size": "base", "rounds": 50, "beam": 8},
        "results": {"search": {"seconds_per_text": 0.2, "queries_per_text": 2000.0}},
    },
    "record": {"seconds": 4000.0},
}


@pytest.fixture
def setup(tmp_path):
    """On a GPU, in a folder that does not exist yet."""
    scale, output = rows.SCALES["cuda"], tmp_path / "out"
    return rows.Setup("cuda", False, scale, output, tmp_path / "root", tmp_path / "python")


def cells(text):
    """The rows of a Markdown table: (target, found, ratio, met) by what."""
    split = (line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| "))
    return {what: rest[:4] for what, *rest in split}


def page(setup, found=FOUND, problems=None):
    every = rows.jobs(["base"], rows.ROWS)
    return table.page(
        every, {j.name: found[j.row] for j in every if j.row in found}, problems or {}, setup
    )


SEARCH = "50 rounds × beam 8, T5 base, "


@pytest.mark.parametrize(
    ("what", "target", "shown", "ratio"),
    [
        ("MFU of training, T5-base, 32 tokens", "≥ 40%", "50.0%", "1.25"),
        ("MiniLM embedding, 32 tokens, bfloat16", "≥ 20,000 passages/s", "30,000", "1.50"),
        ("MiniLM embedding, real passages, fp32", "≥ encode's", "encode 6,000", "1.50"),
        ("training, T5 base, vec2text as it ships", "≥ 5×", "against 200", "7.50"),
        ("training, T5 base, vec2text, precomputed embeddings", "≥ 3×", "against 500", "3.00"),
        (f"{SEARCH}breadth 2, edits: seconds a text", "≥ 20×", "0.2 s", "30.00"),
        (f"{SEARCH}breadth 2, edits: cosine", "no worse", "0.900 against 0.800", "1.12"),
        (f"{SEARCH}breadth 2, edits: until as near as vec2text", "≥ 20×", "0.15 s", "40.00"),
        ("50 rounds × beam 8, T5-base's shape", "≤ 0.25 s", "0.2 s a text, 2,000", "1.25"),
        (f"{SEARCH}breadth 1, no edits: cosine", "no worse", "0.700 against 0.800", "0.87"),
        (
            "BLEU of one pass, from scratch, base: after equal seconds",
            "higher",
            "20.0 after 119 s",
            "5.00",
        ),
        (
            "BLEU of one pass, from scratch, base: time to vec2text's",
            "≤ 1/5 of its time",
            "24.0 s",
            "4.00",
        ),
    ],
)
def test_the_table_sets_what_was_found_beside_its_target(setup, what, target, shown, ratio):
    found = cells(page(setup))[what]
    assert found[0] == target and shown in found[1] and found[2] == ratio


def test_the_table_says_which_targets_are_met(setup):
    """A cosine is to be no worse, and 24 of 96 seconds are more than a fifth."""
    met = {what: line[3] for what, line in cells(page(setup)).items() if what != "what"}
    missed = {what for what, word in met.items() if word == "**no**"}
    assert missed == {
        f"{SEARCH}breadth 1, no edits: cosine",
        "BLEU of one pass, from scratch, base: time to vec2text's",
    }
    assert [what for what, word in met.items() if word == ""] == ["record, one GPU-hour"]


def test_a_trial_meets_no_target(setup):
    trial = cells(page(rows.Setup(**{**vars(setup), "toy": True})))
    assert {line[3] for what, line in trial.items() if what != "what"} == {""}


def test_on_a_cpu_the_targets_are_a_cpus(setup):
    on_cpu = cells(page(rows.Setup(**{**vars(setup), "device": "cpu"})))
    assert on_cpu["training, T5 base, vec2text as it ships"][0] == "≥ 2×"
    assert on_cpu["MiniLM embedding, 32 tokens, bfloat16"][:3:2] == ["≥ encode's", "2.00"]
    assert on_cpu["50 rounds × beam 8, T5-base's shape"][0] == "–"


def test_no_bleu_of_vec2texts_is_nothing_to_be_reached():
    theirs = [{"curve": [{"seconds": 3.0, "bleu": 0.04}]}]
    shown, ratio = table.time_to_reach([{"seconds": 1.0, "bleu": 1.9}], theirs)
    assert shown == "vec2text's is never 0.1" and ratio is None


def test_a_bleu_that_is_never_reached_is_reached_no_times_sooner():
    theirs = [{"curve": [{"seconds": 3.0, "bleu": 2.0}]}]
    shown, ratio = table.time_to_reach([{"seconds": 1.0, "bleu": 1.9}], theirs)
    assert shown.startswith("never") and ratio == 0


def test_the_table_names_the_machine_once_and_says_what_a_toy_is_worth(setup):
    text = page(setup)
    assert text.count("NVIDIA H200; python 3.12, torch 2.11") == 1
    assert "mean nothing" not in text
    assert "mean nothing" in page(rows.Setup(**{**vars(setup), "toy": True}))


def test_of_what_was_cut_off_the_table_has_the_comparisons_that_ended(setup):
    cut_off = {name: part for name, part in FOUND["beside"].items() if name != "bleu"}
    shown = cells(page(setup, {**FOUND, "beside": cut_off}))
    assert "training, T5 base, vec2text as it ships" in shown
    assert not any("BLEU" in what for what in shown)


def test_a_row_without_a_result_says_why(setup):
    shown = cells(page(setup, {}, {"mfu": "a GPU"}))
    assert shown["mfu"][1] == "a GPU" and shown["beside-base"][1] == "not run"


def test_each_row_of_a_size_is_measured_once_a_size_and_the_others_once():
    names = [job.name for job in rows.jobs(["nano", "mini"], ["beside", "mfu"])]
    assert names == ["mfu", "beside-nano", "beside-mini"]


@pytest.mark.parametrize("scale", list(rows.SCALES))
def test_every_command_is_one_that_its_program_takes(setup, scale, monkeypatch):
    import record
    from typer.main import get_command

    from textback.bench.commands import app

    monkeypatch.syspath_prepend(str(BENCHMARKS / "vec2text"))
    import compare

    chosen = {
        "toy": scale == "toy",
        "device": scale.replace("toy", "cpu"),
        "scale": rows.SCALES[scale],
    }
    setup = rows.Setup(**{**vars(setup), **chosen})
    taken = 0
    for job in rows.jobs(["nano"], rows.ROWS):
        for command in job.commands(setup, Path("out.json")):
            if command[0] == "textback":
                bench = get_command(app)
                name, found, options = bench.resolve_command(
                    bench.make_context("bench", command[2:]), command[2:]
                )
                found.make_context(name, options)
            elif command[0] == "python":
                monkeypatch.setattr(sys, "argv", command[1:])
                {"compare.py": compare, "record.py": record}[Path(command[1]).name]._options()
            taken += command[0] != "snakemake"
    assert taken == len(rows.ROWS)


@pytest.fixture
def targets(tmp_path, monkeypatch):
    """The program, of three rows: a good one, one that fails, and one whose means are missing."""
    spec = importlib.util.spec_from_file_location(
        "targets_main", BENCHMARKS / "targets" / "__main__.py"
    )
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    runs = tmp_path / "runs"

    def good(setup, size, out):
        code = f"open({str(runs)!r}, 'a').write('x'); open({str(out)!r}, 'w').write({json.dumps(FOUND['mfu'])!r})"
        return [["python", "-c", code]]

    def bad(setup, size, out):
        code = f"open({str(out)!r}, 'w').write('half'); raise SystemExit('boom | bang')"
        return [["python", "-c", code]]

    made = {
        "embedding": rows.Row(bad, lambda setup, size: None),
        "training": rows.Row(good, lambda setup, size: "a thing", sized=True),
        "mfu": rows.Row(good, lambda setup, size: None),
    }
    for name in list(rows.ROWS):
        monkeypatch.delitem(rows.ROWS, name)
    for name, row in made.items():
        monkeypatch.setitem(rows.ROWS, name, row)
    output = tmp_path / "out"
    monkeypatch.chdir(tmp_path)

    def call(*options):
        arguments = ["targets", "--output", str(output), "--rows", *made, *options]
        monkeypatch.setattr(sys, "argv", arguments)
        try:
            program.main()
        except SystemExit as ended:
            if isinstance(ended.code, str):
                raise
            call.code = ended.code
        return cells((output / "targets.md").read_text())

    call.output, call.runs = output, runs
    return call


def test_a_row_that_fails_or_lacks_its_means_ends_no_other(targets):
    shown = targets()
    assert shown["training-nano"][1] == "a thing"
    assert shown["embedding"][1] == "failed (exit 1): boom / bang; see embedding.log"
    assert "50.0%" in shown["MFU of training, T5-base, 32 tokens"][1]
    assert targets.code == 1
    log = (targets.output / "embedding.log").read_text()
    assert log.startswith("$ python -c") and shlex.split(log.splitlines()[0])[1:3] == [
        "python",
        "-c",
    ]


def test_a_second_call_runs_only_the_rows_without_a_result(targets):
    targets()
    targets()
    assert targets.runs.read_text() == "x"


def test_a_folder_with_results_of_another_scale_is_refused(targets):
    targets()
    with pytest.raises(SystemExit, match="name another folder"):
        targets("--toy")


def test_a_row_that_writes_nothing_has_its_seconds(setup, monkeypatch):
    quiet = rows.Row(lambda setup, size, out: [["python", "-c", ""]], lambda setup, size: None)
    monkeypatch.setitem(rows.ROWS, "record", quiet)
    assert measuring.claim(setup) is None
    job = rows.Job("record", "base")
    assert measuring.run(job, setup) is None
    assert measuring.result(job, setup)["seconds"] >= 0


def test_every_row_has_its_lines():
    assert table.LINES.keys() == rows.ROWS.keys()
