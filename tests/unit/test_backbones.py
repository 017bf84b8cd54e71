"""Backbones: decoding step by step over a cache writes what the transformer writes at once."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Ernie4_5Config,
    Gemma2Config,
    Gemma3TextConfig,
    GlmConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
    T5Config,
    T5ForConditionalGeneration,
)

from textback.config import Backbone
from textback.errors import TextbackError
from textback.inverter import backbones
from textback.inverter.backbones.causal import CausalBackbone
from textback.inverter.backbones.t5 import T5Backbone
from textback.inverter.backbones.written import Copied
from textback.inverter.model import Inverter

LENGTH = 6


def hidden_at_once(backbone, memory, ids):
    """Hidden states of all positions, (n, LENGTH, d_model), without a cache."""
    return backbone.write(memory, ids[:, :-1])


def hidden_step_by_step(backbone, memory, ids):
    """Hidden states of all positions, (n, 2, LENGTH, d_model), of two beams that write the same."""
    first, cache = backbone.start(memory, LENGTH, 2)
    states = [first[:, None].expand(-1, 2, -1)]
    for position in range(1, LENGTH):
        last = ids[:, position - 1, None].expand(-1, 2).contiguous()
        states.append(backbone.step(last, torch.tensor(position), cache))
    return torch.stack(states, 2)


def assert_cached_equals_uncached(backbone, memory, ids):
    with torch.no_grad():
        expected = hidden_at_once(backbone, memory, ids)
        found = hidden_step_by_step(backbone, memory, ids)
    for beam in range(2):
        assert torch.allclose(found[:, beam], expected, atol=1e-5, rtol=1e-4)


@pytest.fixture
def ids():
    return torch.randint(1, 30, (3, LENGTH), generator=torch.Generator().manual_seed(3))


def test_a_step_over_the_cache_gives_the_hidden_states_of_a_pass_without(
    each_model, each_input, ids
):
    with torch.no_grad():
        memory = each_model.read(*each_input).memory
    assert_cached_equals_uncached(each_model.backbone, memory, ids)


LLAMA = {
    **{"vocab_size": 30, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "head_dim": 4},
    **{"bos_token_id": 1, "eos_token_id": 2},
}


def causal(config, std=0.3):
    torch.manual_seed(0)
    return drawn(CausalBackbone(AutoModelForCausalLM.from_config(config)), std)


@pytest.mark.parametrize(
    "config",
    [LlamaConfig(**LLAMA), Qwen2Config(**LLAMA), Qwen3Config(**LLAMA), MistralConfig(**LLAMA)],
    ids=lambda config: config.model_type,
)
def test_other_models_of_llama_or_qwen_shape_are_accepted_and_decode_as_they_read(config, ids):
    backbone = causal(config)
    backbone._check_shape("toy")
    assert_cached_equals_uncached(backbone, torch.randn(3, 4, 16), ids)


@pytest.mark.parametrize("spread", [0.02, 0.2])
def test_a_model_of_qwen_shape_is_accepted_for_all_the_rounding_of_a_real_width(spread):
    real = {"vocab_size": 8000, "hidden_size": 256, "head_dim": 64, "initializer_range": spread}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(Qwen2Config(**LLAMA | real))
    CausalBackbone(model.eval())._check_shape("toy")


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(vocab_size=30, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=1),
        Gemma2Config(**LLAMA),  # whose scores have a ceiling
        Gemma3TextConfig(**LLAMA),
        MistralConfig(**LLAMA, sliding_window=2),  # whose tokens see only the last two
        GlmConfig(**LLAMA),
        SmolLM3Config(**LLAMA),  # whose every fourth layer knows no positions
        Ernie4_5Config(**LLAMA),  # which rotates other pairs of components
    ],
    ids=lambda config: config.model_type,
)
def test_a_causal_model_of_another_shape_is_refused_in_one_line(config):
    with pytest.raises(TextbackError, match="pretrained toy: is not of Llama or Qwen") as error:
        causal(config, std=1.0)._check_shape("toy")
    assert "\n" not in str(error.value) and config.model_type in str(error.value)


def test_a_newer_t5_with_gates_and_a_head_of_its_own_decodes_as_it_reads(ids):
    torch.manual_seed(0)
    config = T5Config(
        **{"vocab_size": 30, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2},
        **{"num_heads": 2, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    )
    backbone = drawn(T5Backbone(T5ForConditionalGeneration(config)))
    assert not backbone.t5.config.scale_decoder_outputs
    assert_cached_equals_uncached(backbone, torch.randn(3, 4, 16), ids)


def drawn(backbone, std=0.3):
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return backbone.eval()


def test_beams_that_swap_places_take_their_past_with_them(each_model, each_input, ids):
    backbone = each_model.backbone
    pasts = torch.stack([ids[:, 0], ids[:, 1]], 1)
    parent = torch.tensor([[1, 0], [0, 0], [1, 1]])
    with torch.no_grad():
        memory = each_model.read(*each_input).memory
        _, cache = backbone.start(memory, LENGTH, 2)
        backbone.step(pasts, torch.tensor(1), cache)
        cache.own.reorder(parent)
        found = backbone.step(ids[:, 2:4].contiguous(), torch.tensor(2), cache)
        for beam in range(2):
            past = pasts.gather(1, parent[:, beam, None])
            written = torch.cat([past, ids[:, 2 + beam, None]], 1)
            expected = backbone.write(memory, written)[:, -1]
            assert torch.allclose(found[:, beam], expected, atol=1e-5, rtol=1e-4)


def test_copied_beams_lie_in_two_places_by_turns():
    """Where they are twice, a recording of a step finds them again."""
    own, seen = Copied(2, (2, 3, LENGTH, 2, 4), torch.zeros(1)), {0: set(), 1: set()}
    for number in range(4):
        assert own.place == number % 2
        seen[own.place].add(tuple(part.data_ptr() for pair in own.layers for part in pair))
        own.reorder(torch.zeros(2, 3, dtype=torch.long))
    assert len(seen[0]) == len(seen[1]) == 1 and seen[0] != seen[1]


def test_a_backbone_is_restored_in_the_shape_it_told(each_model):
    restored = backbones.restore(backbones.shape(each_model.backbone))
    assert type(restored) is type(each_model.backbone)
    restored.load_state_dict(each_model.backbone.state_dict())
    inputs = torch.randn(2, 3, 32)
    with torch.no_grad():
        expected = each_model.backbone.read(inputs)
        assert torch.equal(restored.eval().read(inputs), expected)


def test_a_size_has_its_width_and_layers_in_either_family():
    t5, llama = (
        Inverter(Backbone(size="toy", family=family), 30, 5, 1).backbone
        for family in ("t5", "llama")
    )
    assert t5.d_model == llama.d_model == 32
    assert len(t5.t5.encoder.block) + len(t5.t5.decoder.block) == 1 + 2
    assert len(llama.causal.model.layers) == 3


def test_the_papers_form_of_a_llama_is_refused_in_one_line():
    with pytest.raises(TextbackError, match="form 'paper' is a T5's: set family: t5") as error:
        Inverter(Backbone(size="toy", family="llama", form="paper"), 30, 5, 1)
    assert "\n" not in str(error.value)
