"""`textback bench`: that its numbers are there, agree with each other and count what they say."""

import json
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import save_file

from textback import cells
from textback.bench import choices, decoding, embedding, hardware, inversion, training
from textback.bench.models import random_model
from textback.bench.report import QUANTITIES
from textback.bench.words import WORDS, random_texts
from textback.cells import Cell, Reduction
from textback.cli import main
from textback.inverter.data import targets
from textback.inverter.search import Attack, Effort, invert
from textback.inverter.starts import greedy
from textback.inverter.state import save_model
from textback.inverter.training_step import TrainingStep
from textback.metrics import bleu_of, bleu_statistics
from textback.passages import write_passages
from textback.reductions import Projection, save_projection
from textback.steps.invert import CandidateEmbedder, load_attack
from textback.tokenizer import Tokenizer

CELL = Cell("state-of-the-union", "minilm", 4, Reduction("native"), "nano", 0)
RATES = {"examples_per_second", "tokens_per_second"}
DEFAULT = Path(__file__).parents[2] / "config.yaml"
GRID = {
    "use_corpora": [CELL.corpus],
    "use_embedders": [CELL.embedder],
    "use_inverters": [CELL.inverter],
    "lengths": [CELL.length],
    "reductions": ["native"],
    "seeds": [0],
}
OPERATIONS = {"tflop_per_second", "matmul_tflop_per_second", "mfu"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Small matrices, one turn; what a command sets in the environment is forgotten."""
    monkeypatch.setitem(hardware.SIDE, "cpu", 64)
    monkeypatch.setattr(decoding, "TURNS", 1)
    monkeypatch.setattr(embedding, "TURNS", 1)
    for name in ("TEXTBACK_COMPILE", "TEXTBACK_DEVICE", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    """The default study, narrowed to one cell, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load(DEFAULT.read_text(encoding="utf-8")) | GRID
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.fixture
def command(monkeypatch, capfd):
    """`textback bench` in this process: its exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["textback", "bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        output = capfd.readouterr()
        return end.value.code or 0, output.out, output.err

    return run


@pytest.fixture
def bench(command):
    """The JSON of `textback bench`, run on one thread of the CPU, and the table above it."""

    def run(*arguments):
        device = () if arguments[0] == "corpus" else ("--device", "cpu")  # which it does not need
        code, out, err = command(*arguments, "--threads", 1, *device)
        assert code == 0, err
        *table, line = out.splitlines()
        return json.loads(line), "\n".join(table)

    return run


class CountingEmbedder:
    """Vectors drawn from a text's checksum; counts the texts it has seen."""

    dimension, max_tokens = 384, None

    def __init__(self):
        self.seen = 0

    def embed(self, texts):
        self.seen += len(texts)
        drawn = [np.random.default_rng(zlib.crc32(t.encode())).normal(size=384) for t in texts]
        return Projection()(np.array(drawn))


@pytest.fixture
def embedder(monkeypatch):
    counting = CountingEmbedder()
    monkeypatch.setattr(inversion, "load_embedder", lambda name, entry, device: counting)
    return counting


@pytest.fixture
def trained(embedder):
    """The files of a cell with ten test passages, as if it were trained."""
    place = (CELL.corpus, "bpe-2k")
    tokenizer = cells.tokenizer_file(*place)
    tokenizer.parent.mkdir(parents=True)
    Tokenizer.train([" ".join(WORDS)] * 50, 2048).save(tokenizer)
    entry = choices.backbone("t5", "toy", "textback", 2)
    for part in ("hypothesizer", "corrector"):
        model = random_model(entry, part, 2048, embedder.dimension, "cpu")
        save_model(CELL.folder / part / "model.safetensors", model)
    embedded = cells.embeddings_folder(*place, CELL.length, CELL.embedder)
    save_projection(embedded / "native" / "reduction.safetensors", Projection())
    passages(np.tile(np.arange(300, 300 + CELL.length), (10, 1)))
    vectors = embedder.embed([f"text {i}" for i in range(10)]).astype(np.float16)
    save_file({"embeddings": vectors}, embedded / "test.safetensors")
    return embedded / "test.safetensors"


def passages(ids):
    """Write the cell's test passages, (n, length)."""
    place = (CELL.corpus, "bpe-2k")
    tokenizer = Tokenizer.load(cells.tokenizer_file(*place))
    folder = cells.passages_folder(*place, CELL.length)
    folder.mkdir(parents=True, exist_ok=True)
    write_passages(folder / "test.parquet", ids, tokenizer)


def check(numbers, length):
    """What holds of every measurement of throughput."""
    assert numbers.keys() >= RATES | OPERATIONS | {"peak_memory_bytes"}
    assert numbers["tokens_per_second"] == pytest.approx(length * numbers["examples_per_second"])
    share = numbers["tflop_per_second"] / numbers["matmul_tflop_per_second"]
    assert numbers["mfu"] == pytest.approx(share) and numbers["mfu"] > 0
    assert numbers["peak_memory_bytes"] > 2**20


CORPUS = ("corpus", "--vocabulary", 300, "--length", 4, "--passages", 500)


def test_a_corpus_tells_the_rate_and_the_memory_of_each_of_its_steps(bench):
    hog = np.ones(10**8)  # of this process: no step's memory
    found, table = bench(*CORPUS, "--megabytes", 0.5)
    assert list(found["results"]) == ["corpus", "tokenizer", "passages"]
    characters = found["settings"]["million characters"] * 1e6
    assert 5e5 <= characters < 6e5 and found["settings"]["passages"] == 500
    for numbers in found["results"].values():
        rate = numbers["characters_per_second"]
        assert rate * numbers["seconds"] == pytest.approx(characters, rel=0.1)
        assert 2**20 < numbers["peak_memory_bytes"] < hog.nbytes
        assert all(QUANTITIES[name][0] in table for name in numbers)
    passages = found["results"]["passages"]
    assert passages["passages_per_second"] * passages["seconds"] == pytest.approx(500)


def test_a_folder_of_texts_is_measured(bench, tmp_path):
    (tmp_path / "own").mkdir()
    texts = random_texts(30, 2000)
    for i, text in enumerate(texts):
        (tmp_path / "own" / f"{i}.md").write_text(text)
    found, _ = bench(*CORPUS, "--vocabulary", 600, "--folder", "own", "--glob", "*.md")
    size = sum(map(len, texts))
    assert found["settings"]["corpus"] == "own"
    assert found["settings"]["million characters"] == round(size / 1e6, 1)


TRAINING = ("training", "--size", "toy", "--batch", 8, "--length", 4, "--seconds", 0.05)


@pytest.mark.parametrize(
    ("part", "family", "form", "optimizer"),
    [("hypothesizer", "t5", "paper", "adamw"), ("corrector", "llama", "textback", "muon")],
)
def test_training_tells_its_rates_and_what_it_trained(bench, part, family, form, optimizer):
    chosen = ("--part", part, "--family", family, "--form", form, "--optimizer", optimizer)
    found, table = bench(*TRAINING, *chosen)
    numbers = found["results"][part]
    check(numbers, length=4)
    assert numbers["micro_batch"] == 8
    asked = {
        "part": part,
        "family": family,
        "form": form,
        "optimizer": optimizer,
        "size": "toy",
        "compile": "auto",
    }
    assert found["settings"].items() >= asked.items()
    assert found["device"] and found["versions"].keys() >= {"python", "torch", "textback"}
    assert all(QUANTITIES[name][0] in table for name in numbers)


def test_examples_a_second_are_those_of_the_steps_after_the_warm_up(bench, monkeypatch):
    taken = []

    def take(step, rows):
        assert len(rows) == 8
        taken.append(1)
        time.sleep(0.1 if len(taken) <= training.WARM_UP else 0.01)

    monkeypatch.setattr(TrainingStep, "__call__", take)
    rate = bench(*TRAINING)[0]["results"]["hypothesizer"]["examples_per_second"]
    assert len(taken) > training.WARM_UP
    assert 8 / 0.05 < rate <= 8 / 0.01


def test_decoding_tells_every_way_of_both_parts(bench, monkeypatch):
    monkeypatch.setitem(decoding.BATCH, "cpu", 32)
    found, _ = bench("decoding", "--size", "toy", "--length", 4, "--texts", 40, "--beam", 2)
    ways = [f"{p} {w}" for p in choices.PARTS for w in ("greedy", "beam 2", "sampling")]
    assert list(found["results"]) == ways
    for way, numbers in found["results"].items():
        check(numbers, length=4)
        batches = 3 if "beam" in way else 2  # of 32 sequences
        seconds = numbers["milliseconds_per_step"] / 1000 * batches * 4
        assert numbers["examples_per_second"] == pytest.approx(40 / seconds)


def test_a_passage_costs_the_same_operations_however_many_are_decoded(bench):
    options = ("decoding", "--size", "toy", "--length", 4, "--beam", 2)
    few, many = (bench(*options, "--texts", texts)[0]["results"] for texts in (3, 30))
    for way in few:
        one, other = (
            r[way]["tflop_per_second"] / r[way]["examples_per_second"] for r in (few, many)
        )
        assert one == pytest.approx(other)
    beam, greedy = (few[f"hypothesizer {w}"] for w in ("beam 2", "greedy"))
    assert beam["mfu"] / beam["examples_per_second"] > greedy["mfu"] / greedy["examples_per_second"]


def test_an_embedder_is_measured_beside_the_librarys_own_encode(bench):
    found, _ = bench("embedding", "--length", 5, "--texts", 40)
    assert "float32" in found["results"]
    for numbers in found["results"].values():
        check(numbers, length=5)  # every word is one token
        ratio = numbers["examples_per_second"] / numbers["encode_examples_per_second"]
        assert numbers["ratio_to_encode"] == pytest.approx(ratio)
        assert numbers["encode_batch"] in embedding.ENCODE_BATCHES


def test_a_form_has_a_family_and_inputs_of_its_own_where_nothing_is_said():
    found = [choices.backbone(None, "toy", form) for form in ("textback", "paper")]
    assert [(entry.family, entry.embedding_tokens) for entry in found] == [("llama", 1), ("t5", 16)]
    assert choices.backbone("t5", "toy", "textback", 2).embedding_tokens == 2


@pytest.mark.parametrize(("family", "form"), [("llama", "textback"), ("t5", "paper")])
def test_a_random_search_is_of_the_shape_that_was_asked_for(bench, embedder, family, form):
    options = ("--size", "toy", "--length", 4, "--texts", 1, "--beam", 2, "--rounds", 1)
    found, _ = bench("inversion", *options, "--family", family, "--form", form)
    shape = {"family": family, "form": form, "size": "toy"}
    assert shape.items() <= found["settings"].items()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("paper", {"rank": "cosine", "parents": "beam"}),
        ("elitist", {"breadth": 2, "patience": 3, "edits": True}),
    ],
)
def test_a_search_says_what_its_mode_has_and_no_more(bench, embedder, mode, said):
    options = ("--size", "toy", "--length", 4, "--texts", 1, "--beam", 2, "--rounds", 1)
    settings = bench("inversion", *options, "--mode", mode)[0]["settings"]
    assert {key: settings[key] for key in set(settings) & set(Effort.__annotations__)} == {
        **{"mode": mode, "beam": 2, "rounds": 1},
        **said,
    }


def test_a_random_search_counts_its_queries_and_says_that_it_means_nothing(bench, embedder):
    options = ("--size", "toy", "--length", 4, "--texts", 1, "--beam", 3, "--rounds", 1)
    found, table = bench("inversion", *options)
    numbers = found["results"]["search"]
    # One round is searched thrice: unmeasured, measured, and to count its operations. The target is
    # embedded before.
    assert 3 * numbers["queries_per_text"] == embedder.seen - 1
    assert 1 < numbers["queries_per_text"] <= 1 + 3**2
    assert numbers["seconds_per_text"] == pytest.approx(1 / numbers["examples_per_second"])
    assert numbers["rounds_per_second"] == pytest.approx(1 / numbers["seconds_per_text"])
    assert numbers["tokens_per_second"] == pytest.approx(4 * numbers["examples_per_second"])
    assert numbers["decoding_share"] > 0 and numbers["embedding_share"] > 0
    assert numbers["decoding_share"] + numbers["embedding_share"] < 1
    assert 0 < numbers["mfu"] < 1 and "MFU" in table
    assert "speed only" in table and "speed only" in found["note"]


def test_a_searchs_operations_are_those_of_its_guess_and_of_all_that_it_corrects():
    """Of products of matrices: 2 · 3 · 3 · 3 a guess, twice that a correction, of two texts each."""
    square, corrected = torch.ones(3, 3), []

    def guess(targets):
        [square @ square for _ in targets]
        return np.zeros((len(targets), 2), int)

    def correct(read, rows, vectors, ids, width):
        corrected.append([square @ square @ square for _ in rows])
        texts = np.arange(width)[None, :, None].repeat(len(rows), 0).repeat(2, 2)
        return texts + len(corrected), np.zeros((len(rows), width))

    decode = lambda ids: [str(list(row)) for row in ids]  # noqa: E731
    embed = lambda texts, ids: np.ones((len(texts), 2))  # noqa: E731
    attack = Attack(guess, decode, embed, lambda targets: None, correct)
    effort = Effort("elitist", 2, 3, breadth=1, patience=9, edits=False)
    flops = inversion._flops_per_text(attack, np.eye(2), effort)
    assert list(map(len, corrected)) == [2, 4, 4]  # two hypotheses a text from the second round on
    assert flops == pytest.approx(54 + 5 * 2 * 54)


@pytest.mark.parametrize("edits", [True, False])
def test_a_cells_search_finds_what_the_same_search_finds_elsewhere(bench, embedder, trained, edits):
    options = ("--texts", 6, "--beam", 2, "--rounds", 3, "--patience", 2, "--mode", "elitist")
    options += ("--edits" if edits else "--no-edits",)
    tokenizer = cells.tokenizer_file(CELL.corpus, "bpe-2k")
    embed = CandidateEmbedder("minilm", embedder, tokenizer, Projection())
    paths = (CELL.folder / part / "model.safetensors" for part in choices.PARTS)
    attack = load_attack(*paths, Tokenizer.load(tokenizer), embed, greedy(CELL.length), "cpu")
    assert attack.screen is None  # of an embedder that is no network
    vectors = targets(trained, Projection()).numpy()[:6]
    histories = invert(attack, vectors, Effort("elitist", 2, 3, 2, 2, edits=edits))
    found = np.stack([history[-1].best.ids for history in histories])
    others = np.tile(np.arange(300, 300 + CELL.length), (7, 1))
    own = np.concatenate([found[:3], others])  # three of the first six are found
    passages(own)
    bpe = Tokenizer.load(tokenizer)
    statistics = bleu_statistics(*(bpe.decode_batch(ids[:6].tolist()) for ids in (found, own)))
    found, table = bench("inversion", "--cell", str(CELL), *options)
    numbers = found["results"]["search"]
    assert numbers["exact_match"] == 0.5
    assert numbers["bleu"] == pytest.approx(bleu_of(statistics.sum(0)))
    cosine = np.mean([history[-1].best.cosine for history in histories])
    assert numbers["mean_cosine"] == pytest.approx(cosine)
    queries = np.mean([history[-1].queries for history in histories])
    assert numbers["queries_per_text"] == pytest.approx(queries)
    assert "speed only" not in table and found["settings"]["cell"] == str(CELL)


def test_works_take_turns_and_their_median_counts():
    order = []
    naps = {"a": iter([0, 0.3, 0, 0]), "b": iter([0, 0, 0.3, 0])}  # the first is not measured

    def work(name):
        order.append(name)
        time.sleep(next(naps[name]))

    found = hardware.by_turns({n: lambda n=n: work(n) for n in "ab"}, 3, "cpu")
    assert order == list("abababab")
    assert max(timing.seconds for timing in found.values()) < 0.09


def test_the_matmul_rate_counts_two_operations_for_each_product(monkeypatch):
    monkeypatch.setattr(hardware, "seconds_of", lambda work, device: 0.5)
    assert hardware.matmul_rate("cpu", torch.float32) == pytest.approx(2 * 64**3 / 0.5)


def test_json_goes_to_a_file_instead_where_one_is_named(command, tmp_path):
    code, out, _ = command(*TRAINING, "--json", tmp_path / "new" / "found.json")
    assert code == 0 and "{" not in out and "examples/s" in out
    found = json.loads((tmp_path / "new" / "found.json").read_text())
    check(found["results"]["hypothesizer"], length=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("corpus",), "give either --folder or --megabytes"),
        (("corpus", "--folder", "none"), "folder none does not exist"),
        ((*CORPUS, "--megabytes", "0.01"), "2 document(s) cannot be divided"),
        (("training", "--size", "nanno"), "unknown size 'nanno': did you mean 'nano'?"),
        (("decoding", "--family", "t6"), "unknown family 't6': known are llama, t5"),
        (("decoding", "--family", "llama", "--form", "paper"), "form 'paper' is a T5's"),
        (("training", "--device", "cdua"), "unknown device 'cdua': did you mean 'cuda'?"),
        (("training", "--optimizer", "adam"), "unknown optimizer 'adam': did you mean 'adamw'?"),
        (("training", "--part", "nullmodel"), "unknown part 'nullmodel'"),
        (("training", "--compile", "of"), "unknown compile 'of': did you mean 'off'?"),
        (("embedding", "--config", "no.yaml"), "config file no.yaml: No such file"),
        (("embedding", "--embedder", "minilmm"), "did you mean 'minilm'?"),
        (("embedding", "--length", "300"), "reads 256 tokens"),
        (("inversion",), "give either --cell or --size"),
        (("inversion", "--cell", "a", "--length", "3"), "leave --length out"),
        (("inversion", "--cell", "a", "--family", "t5", "--form", "paper"), "--family and --form"),
        (("inversion", "--size", "toy", "--family", "t6"), "unknown family 't6'"),
        (("inversion", "--size", "huge"), "unknown size 'huge'"),
        (
            ("inversion", "--size", "toy", "--mode", "paper", "--breadth", "3"),
            "leave --breadth out",
        ),
        (("inversion", "--size", "toy", "--mode", "paper", "--no-edits"), "leave --edits out"),
        (("inversion", "--size", "toy", "--mode", "e"), "unknown mode 'e'"),
        (("inversion", "--cell", str(CELL)), "no cell is trained"),
    ],
)
def test_bad_input_is_one_line(command, arguments, message):
    code, out, err = command(*arguments)
    assert code == 1 and out == ""
    assert len(err.splitlines()) == 1 and message in err


def test_more_texts_than_a_cell_has_are_refused(command, trained):
    options = ("--cell", str(CELL), "--texts", 11)
    code, _, err = command("inversion", *options)
    assert code == 1 and "has 10 test passages: lower --texts" in err


def test_every_word_of_the_random_texts_can_be_written_by_its_tokenizer():
    bpe = Tokenizer.train([" ".join(WORDS)] * 50, inversion.VOCABULARY)
    assert len(set(WORDS)) == len(WORDS) > 50
    assert all(len(bpe.encode(word)) == 1 for word in WORDS)
