"""What the engine promises on a GPU: the CPU's results, no waiting, and a way on without memory.

    pytest tests/gpu                              # on a machine with CUDA: two minutes
    TEXTBACK_TEST_DEVICE=cpu pytest tests/gpu     # tries the tests themselves, without a GPU

Tolerances are of fp32 without TF32, as torch has it unless it is told otherwise.
"""

import copy
import functools
import gc
import os
import string
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from torch._dynamo.utils import counters
from transformers import BertConfig, PreTrainedTokenizerFast

from textback import device
from textback.config import Backbone, Training, read_embedder
from textback.embedders import load_embedder
from textback.embeddings import write_embeddings
from textback.errors import TextbackError
from textback.inverter import batched, decoding, generate, judging, losses, optimizers
from textback.inverter import data as reading
from textback.inverter.attacks import attack
from textback.inverter.backbones import written
from textback.inverter.batches import Data, Order
from textback.inverter.decoding import beam_search
from textback.inverter.losses import fused_nll, plain_nll
from textback.inverter.micro_batches import MicroBatches
from textback.inverter.model import Inverter
from textback.inverter.replay import Replay
from textback.inverter.search import Effort, invert
from textback.inverter.starts import greedy
from textback.inverter.state import Checkpoint
from textback.inverter.surrogate import Surrogate
from textback.inverter.training import train
from textback.inverter.training_step import TrainingStep
from textback.passages import write_passages
from textback.processes import COMPILE
from textback.progress import log
from textback.reductions import Projection
from textback.tokenizer import PAD
from textback.vectors import cosines

DEVICE = os.environ.get("TEXTBACK_TEST_DEVICE", "cuda")
WITHOUT_CUDA = not torch.cuda.is_available()
pytestmark = pytest.mark.skipif(DEVICE == "cuda" and WITHOUT_CUDA, reason="no GPU")
only_cuda = pytest.mark.skipif(DEVICE != "cuda" or WITHOUT_CUDA, reason="only a GPU does this")

VOCABULARY, DIMENSION, LENGTH = 30, 5, 5
LLAMA = Backbone(size="toy", family="llama")
# Over a single input attention has nothing to learn: its gradients are rounding, which AdamW enlarges.
T5 = Backbone(size="toy", family="t5", embedding_tokens=2)
PAPER = Backbone(size="toy", family="t5", form="paper", embedding_tokens=2)
BACKBONES = {"llama": LLAMA, "t5": T5, "paper": PAPER}
WAYS = {"hypothesizer": 1, "corrector": 3}
ADAMW = Training(examples=8 * 32, batch=32, learning_rate=1e-3, optimizer="adamw")
NEAR = 0.01  # of the way that training moved the weights; TF32 or bf16 stray further


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Full precision and nothing compiled, unless a test asks for it."""
    monkeypatch.setattr(device, "has_bf16", lambda device: False)
    monkeypatch.setenv(COMPILE, "off")
    monkeypatch.setattr(batched, "_fitting", {})
    decoding._steps.cache_clear()
    yield
    decoding._steps.cache_clear()


@pytest.fixture
def logged(caplog):
    """What textback logs during the test."""
    level = log.level
    log.addHandler(caplog.handler)
    log.setLevel("INFO")
    yield caplog
    log.removeHandler(caplog.handler)
    log.setLevel(level)


@pytest.fixture
def room():
    """Limits this process to so many bytes of the GPU until the test ends."""
    gc.collect()
    torch.cuda.empty_cache()

    def limit(size):
        gc.collect()
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties().total_memory
        torch.cuda.set_per_process_memory_fraction(size / total)

    yield limit
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def untrained(entry=LLAMA, ways=1, vocabulary=VOCABULARY):
    """An inverter on the device, all of the same shape with the same weights."""
    torch.manual_seed(0)
    return Inverter(entry, vocabulary, DIMENSION, ways).to(DEVICE)


def randomised(entry=LLAMA, ways=1, vocabulary=VOCABULARY):
    """One whose zero-initialised parts are drawn too, ready to decode."""
    model = untrained(entry, ways, vocabulary).cpu()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    model.bar([PAD])
    return model.eval().to(DEVICE)


def inputs(rows, ways=1):
    """What an inverter reads of so many texts, on the device."""
    generator = torch.Generator().manual_seed(1)
    vectors = torch.nn.functional.normalize(torch.randn(2, rows, DIMENSION, generator=generator))
    ids = torch.randint(1, VOCABULARY, (rows, LENGTH), generator=generator)
    return tuple(x.to(DEVICE) for x in ((*vectors, ids) if ways == 3 else vectors[:1]))


def data(ways=1, where=None, rows=256):
    """Passages whose first token the vector tells: 1 + index of its largest component."""
    columns = [column.cpu() for column in inputs(rows, ways)]
    offsets = torch.arange(0, LENGTH * DIMENSION, DIMENSION)
    ids = 1 + columns[0].argmax(1)[:, None] + offsets
    there = torch.device(where or DEVICE)
    ids, e, *guessed = (column.to(there) for column in (ids.int(), *columns))
    if ways == 1:
        return Data(ids, (e,), there)
    passages = rows // 2  # each is there once, for two guesses
    passage = torch.arange(rows, device=there) % passages
    return Data(ids[:passages], (e[:passages], *guessed), there, passage=passage)


def trained(model, passages, folder, budget=ADAMW):
    """The history of a training in place."""
    return train(model, passages, passages, budget, 0, Checkpoint(folder, {}), "toy").history


def weights(model):
    return torch.cat([p.detach().double().cpu().flatten() for p in model.parameters()])


def assert_trained_alike(found, expected, begun):
    """Models, and the one that both were before."""
    moved = (weights(expected) - weights(begun)).norm()
    assert moved > 0
    assert (weights(found) - weights(expected)).norm() < NEAR * moved


def assert_same_losses(found, expected, tolerance=1e-4):
    for key in ("train_nll", "validation_nll"):
        assert [row[key] for row in found] == pytest.approx(
            [row[key] for row in expected], rel=tolerance
        )


def of_text(columns, row):
    return tuple(column[row : row + 1] for column in columns)


# Decoding


@torch.no_grad()
def uncached_beam_search(model, columns, width):
    """All prefixes computed anew for each token."""
    ids = torch.zeros(len(columns[0]), 1, 0, dtype=torch.long, device=DEVICE)
    scores = torch.zeros(len(columns[0]), 1, device=DEVICE)
    for _ in range(LENGTH):
        beams = ids.shape[1]
        read = model.read(*(column.repeat_interleave(beams, 0) for column in columns))
        hidden = model.backbone.write(read.memory, ids.flatten(0, 1), read.draft)
        logp = model.logits(hidden[:, -1:], read.shared)[:, 0].log_softmax(-1)
        longer = scores[..., None] + logp.view(len(ids), beams, -1)
        scores, chosen = longer.flatten(1).topk(width)
        parent = (chosen // VOCABULARY)[..., None].expand(-1, -1, ids.shape[2])
        ids = torch.cat([ids.gather(1, parent), chosen[..., None] % VOCABULARY], -1)
    return ids, scores


def decoded(model, columns, width):
    with torch.no_grad():
        return beam_search(model, model.read(*columns), LENGTH, width)


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("entry", BACKBONES.values(), ids=BACKBONES)
def test_cached_decoding_equals_uncached_token_for_token_alone_and_in_a_batch(entry, ways, width):
    model, columns = randomised(entry, ways), inputs(6, ways)
    ids, scores = decoded(model, columns, width)
    expected, likelihoods = uncached_beam_search(model, columns, width)
    assert torch.equal(ids, expected)
    assert torch.allclose(scores, likelihoods, atol=1e-4)
    for row in range(len(ids)):
        assert torch.equal(decoded(model, of_text(columns, row), width)[0][0], ids[row])


# Training


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("entry", [LLAMA, T5], ids=["llama", "t5"])
def test_fp32_training_ends_in_the_cpus_weights(entry, ways, optimizer, tmp_path):
    budget = ADAMW.model_copy(update={"optimizer": optimizer})
    begun = untrained(entry, ways)
    here, on_cpu = copy.deepcopy(begun), copy.deepcopy(begun).cpu()
    found = trained(here, data(ways), tmp_path / "here", budget)
    expected = trained(on_cpu, data(ways, "cpu"), tmp_path / "cpu", budget)
    near = 1e-3 if optimizer == "muon" else 1e-4
    assert_same_losses(found, expected, near)
    if optimizer == "adamw":  # Muon orthogonalises in bf16
        assert_trained_alike(here, on_cpu, begun)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_bf16_training_learns_as_fp32_does_and_keeps_fp32_weights(optimizer, tmp_path, monkeypatch):
    update = {"examples": 40 * 32, "learning_rate": 1e-2, "optimizer": optimizer}
    budget = ADAMW.model_copy(update=update)
    exact = trained(untrained(), data(), tmp_path / "fp32", budget)
    monkeypatch.setattr(device, "has_bf16", lambda device: True)
    rough = untrained()
    found = trained(rough, data(), tmp_path / "bf16", budget)
    assert {parameter.dtype for parameter in rough.parameters()} == {torch.float32}
    assert found[-1]["validation_nll"] < 0.5 * found[0]["validation_nll"]
    assert found[-1]["validation_nll"] == pytest.approx(exact[-1]["validation_nll"], rel=0.05)
    assert found[-1]["validation_nll"] != exact[-1]["validation_nll"]


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_a_resumed_training_ends_in_the_same_bits_and_so_does_one_made_anew(
    family, tmp_path, monkeypatch
):
    entry = Backbone(size="toy", family=family, dropout=0.2)
    once, again, resumed = (untrained(entry, 3) for _ in range(3))
    history = trained(once, data(3), tmp_path / "once")
    assert trained(again, data(3), tmp_path / "again") == history
    assert torch.equal(weights(again), weights(once))
    killed_in_the_middle(untrained(entry, 3), tmp_path / "killed", monkeypatch)
    assert trained(resumed, data(3), tmp_path / "killed") == history
    assert torch.equal(weights(resumed), weights(once))


def killed_in_the_middle(model, folder, monkeypatch):
    """Train with a checkpoint after every step, and fail at the sixth."""
    set_rate, steps = optimizers.set_rate, []

    def fail(steppers, factor):
        steps.append(1)
        if len(steps) == 6:
            raise TextbackError("killed")
        set_rate(steppers, factor)

    with monkeypatch.context() as patch:
        patch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
        patch.setattr(optimizers, "set_rate", fail)
        with pytest.raises(TextbackError, match="killed"):
            trained(model, data(3), folder)


# torch.compile


@pytest.fixture
def compile_all(monkeypatch):
    """Compile from the next call on: with Inductor on a GPU, up to it on a CPU."""

    def begin():
        torch._dynamo.reset()
        counters.clear()
        decoding._steps.cache_clear()
        monkeypatch.setenv(COMPILE, "on")
        if DEVICE == "cpu":
            whole = functools.partial(torch.compile, backend="aot_eager")
            monkeypatch.setattr(torch, "compile", whole)

    yield begin
    torch._dynamo.reset()


def assert_compiled(logged):
    assert counters["stats"]["unique_graphs"] == 1
    assert [r.message for r in logged.records if r.levelname == "WARNING"] == []


@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
def test_a_compiled_training_ends_in_the_weights_of_an_eager_one(
    ways, compile_all, logged, tmp_path
):
    begun = untrained(LLAMA, ways)
    eager, fast = copy.deepcopy(begun), copy.deepcopy(begun)
    expected = trained(eager, data(ways), tmp_path / "eager")
    compile_all()
    found = trained(fast, data(ways), tmp_path / "compiled")
    assert_compiled(logged)
    assert_trained_alike(fast, eager, begun)
    assert_same_losses(found, expected)


@pytest.mark.parametrize(("entry", "ways"), [(LLAMA, 3), (T5, 1)], ids=["llama", "t5"])
def test_compiled_decoding_writes_what_eager_decoding_writes(entry, ways, compile_all, logged):
    model, columns = randomised(entry, ways), inputs(6, ways)
    expected, likelihoods = decoded(model, columns, 4)
    compile_all()
    ids, scores = decoded(model, columns, 4)
    assert_compiled(logged)
    assert torch.equal(ids, expected)
    assert torch.allclose(scores, likelihoods, atol=1e-4)


# CUDA graphs


@pytest.fixture
def launched(monkeypatch):
    """Nothing is recorded until the test lets it be; returns what is replayed from then on."""
    monkeypatch.setattr(Replay, "_refused", {"decoding", "training steps"})
    replayed, replay = [], torch.cuda.CUDAGraph.replay
    counting = lambda graph: replayed.append(graph) or replay(graph)  # noqa: E731
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", counting)

    def record():
        assert not replayed or not Replay._refused
        monkeypatch.setattr(Replay, "_refused", set())
        replayed.clear()
        return replayed

    return record


@only_cuda
@pytest.mark.parametrize("kind", [written.Copied, written.Indexed], ids=["copied", "indexed"])
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("entry", BACKBONES.values(), ids=BACKBONES)
def test_replayed_steps_write_what_launched_ones_write(
    entry, ways, width, bf16, kind, launched, logged, monkeypatch
):
    monkeypatch.setattr(written, "_kind", lambda like, head_dim: kind)
    model, batches = randomised(entry, ways), [inputs(6, ways), inputs(3, ways)]
    with torch.autocast(DEVICE, torch.bfloat16, enabled=bf16):
        expected = [decoded(model, columns, width) for columns in batches]
        replayed = launched()
        found = [decoded(model, columns, width) for columns in batches * 2]
    assert len(replayed) == (LENGTH - 2) * 4  # a batch's first step is launched
    assert [r.message for r in logged.records if r.levelname == "WARNING"] == []
    for (ids, scores), (wanted, likelihoods) in zip(found, expected * 2, strict=True):
        assert torch.equal(ids, wanted)
        assert torch.equal(scores, likelihoods)


@only_cuda
@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("entry", BACKBONES.values(), ids=BACKBONES)
def test_the_kernel_attends_as_copied_beams_do(entry, ways, monkeypatch):
    assert written._kind(torch.zeros(1, device=DEVICE), 16) is written.Indexed
    model, columns = randomised(entry, ways), inputs(6, ways)
    ids, scores = decoded(model, columns, 20)
    monkeypatch.setattr(written, "_kind", lambda like, head_dim: written.Copied)
    expected, likelihoods = decoded(model, columns, 20)
    assert torch.equal(ids, expected)
    assert torch.allclose(scores, likelihoods, atol=1e-4)


@only_cuda
def test_replayed_steps_are_sampled_from_as_launched_ones_are(launched):
    model, (target,) = randomised(), inputs(64)
    how = decoding.Drawing(nucleus=0.9)
    expected = generate.sample(model, target, LENGTH, how, seed=1)
    replayed = launched()
    found = generate.sample(model, target, LENGTH, how, seed=1)
    assert replayed and torch.equal(found, expected)


@only_cuda
def test_where_recording_fails_decoding_goes_on_without_it_and_warns_once(
    launched, logged, monkeypatch
):
    model, columns = randomised(), inputs(6)
    expected, _ = decoded(model, columns, 4)
    launched()
    step = decoding._step

    def waits(*given):
        """The GPU may not be waited for while it is recorded."""
        logits = step(*given)
        logits.sum().item()
        return logits

    monkeypatch.setattr(decoding, "_step", waits)
    decoding._steps.cache_clear()
    for _ in range(2):
        assert torch.equal(decoded(model, columns, 4)[0], expected)
    warnings = [r.message for r in logged.records if r.levelname == "WARNING"]
    assert len(warnings) == 1 and "CUDA graphs of decoding failed" in warnings[0]
    torch.cuda.empty_cache()  # fails where the allocator is left recording
    torch.rand(1, device=DEVICE)  # fails where the generator is
    monkeypatch.setattr(decoding, "_step", step)
    decoding._steps.cache_clear()
    replayed = launched()
    assert torch.equal(decoded(model, columns, 4)[0], expected) and replayed


@only_cuda
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize(("family", "ways"), [("llama", 3), ("t5", 1)], ids=["llama", "t5"])
def test_a_replayed_training_ends_in_the_bits_of_a_launched_one(
    family, ways, optimizer, bf16, compiled, launched, compile_all, logged, monkeypatch, tmp_path
):
    monkeypatch.setattr(device, "has_bf16", lambda device: bf16)
    if compiled:
        compile_all()
    budget = ADAMW.model_copy(update={"optimizer": optimizer})
    one = untrained(Backbone(size="toy", family=family, dropout=0.2, embedding_tokens=2), ways)
    other = copy.deepcopy(one)
    expected = trained(one, data(ways), tmp_path / "launched", budget)
    replayed = launched()
    assert trained(other, data(ways), tmp_path / "replayed", budget) == expected
    assert len(replayed) == 7  # of eight steps
    assert [r.message for r in logged.records if r.levelname == "WARNING"] == []
    assert torch.equal(weights(other), weights(one))


@only_cuda
def test_where_recording_fails_training_goes_on_without_it_and_warns_once(
    launched, logged, monkeypatch, tmp_path
):
    one, other = (untrained(Backbone(size="toy", dropout=0.2)) for _ in range(2))
    expected = trained(one, data(), tmp_path / "launched")
    launched()
    plain = nn.utils.clip_grad_norm_
    waits = lambda *given: plain(*given).item()  # noqa: E731
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", waits)
    assert trained(other, data(), tmp_path / "failing") == expected
    (warning,) = [r.message for r in logged.records if r.levelname == "WARNING"]
    assert "CUDA graphs of training steps failed" in warning
    assert torch.equal(weights(other), weights(one))
    torch.cuda.empty_cache()  # fails where the allocator is left recording


# Memory

LARGE = Training(examples=2 * 1024, batch=1024, learning_rate=1e-3, optimizer="adamw")


def long_passages(vocabulary, rows=1024, length=32):
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(1, vocabulary, (rows, length), generator=generator).int()
    vectors = torch.randn(rows, DIMENSION, generator=generator)
    return Data(ids.to(DEVICE), (vectors.to(DEVICE),), torch.device(DEVICE))


def peak(run):
    """What it gives, and the bytes it held at most."""
    torch.cuda.reset_peak_memory_stats()
    result = run()
    return result, torch.cuda.max_memory_allocated()


@only_cuda
def test_a_training_without_room_for_its_batch_goes_on_in_parts_to_the_same_loss(
    room, logged, tmp_path
):
    passages = long_passages(2048)

    def run(folder):
        model = untrained(Backbone(size="nano"), vocabulary=2048)
        return trained(model, passages, tmp_path / folder, LARGE)

    expected, most = peak(lambda: run("large"))
    assert "out of memory" not in logged.text
    room(int(0.7 * most))
    found = run("small")
    assert "out of memory: goes on with micro-batches of 512" in logged.text
    assert_same_losses(found, expected, 1e-3)


@only_cuda
def test_a_model_too_large_for_one_passage_is_one_line(room, tmp_path):
    """Its gradients alone are larger than what the allocator holds in reserve."""
    model = untrained(Backbone(size="nano"), vocabulary=65_536)
    passages = long_passages(65_536, rows=32)
    micro = MicroBatches(model, passages, 32)
    room(torch.cuda.memory_allocated())
    budget = LARGE.model_copy(update={"examples": 64, "batch": 32})
    with pytest.raises(TextbackError, match="size 'nano': not even one passage") as error:
        trained(model, passages, tmp_path, budget)
    assert "\n" not in str(error.value)
    with pytest.raises(TextbackError, match="not even one passage"):
        micro.backward(torch.arange(32, device=DEVICE))


@only_cuda
def test_decoding_without_room_for_its_batch_goes_on_in_parts_to_the_same_passages(room, logged):
    model, (target,) = randomised(vocabulary=65_536), inputs(32)
    expected, most = peak(lambda: generate.guess(model, target, LENGTH, width=4))
    assert "out of memory" not in logged.text
    before = torch.cuda.memory_allocated()
    room(int(before + 0.7 * (most - before)))
    found = generate.guess(model, target, LENGTH, width=4)
    assert "decoding: out of memory, 16 texts a batch instead of 32" in logged.text
    assert torch.equal(found, expected)
    room(before)
    with pytest.raises(TextbackError, match="no memory for 200 tokens of one text"):
        generate.guess(model, target, LENGTH, width=200)


def test_data_without_room_stay_on_the_host_and_give_the_same_batches(tmp_path, monkeypatch):
    passages, native = data().ids.cpu().numpy().astype(np.uint16), 8
    rng = np.random.default_rng(0)
    written = SimpleNamespace(decode_batch=lambda rows: [str(row) for row in rows])
    write_passages(tmp_path / "passages.parquet", passages, written)
    vectors = rng.normal(size=(len(passages), native))
    write_embeddings(tmp_path / "embeddings.safetensors", vectors.astype(np.float16))
    basis = np.linalg.qr(rng.normal(size=(native, native)))[0][:, :DIMENSION].astype(np.float32)
    project = Projection(np.ones(native, np.float32), basis)

    def read():
        files = tmp_path / "passages.parquet", tmp_path / "embeddings.safetensors"
        return reading.hypothesizer_data(*files, project, DEVICE)

    lying = read()
    monkeypatch.setattr(reading, "ROOM", 0.0)
    travelling = read()
    assert lying.ids.device.type == DEVICE and travelling.ids.device.type == "cpu"
    for index in (slice(3, 9), torch.tensor([7, 1, 200], device=DEVICE)):
        batches = lying.rows(index), travelling.rows(index)
        for one, other in zip(*batches, strict=True):
            assert one.device.type == other.device.type == DEVICE
            assert torch.equal(one, other)
    begun = untrained()
    one, other = copy.deepcopy(begun), copy.deepcopy(begun)
    expected = trained(one, lying, tmp_path / "lying")
    assert_same_losses(trained(other, travelling, tmp_path / "travelling"), expected)
    assert_trained_alike(other, one, begun)


# Waiting


@pytest.fixture
def no_waiting():
    """Makes whatever waits for the GPU an error, from its call to the end of the test."""
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


@only_cuda
def test_a_wait_for_the_gpu_would_be_noticed(no_waiting):
    no_waiting()
    with pytest.raises(RuntimeError, match="synchronizing"):
        float(torch.ones((), device=DEVICE))


@only_cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("entry", [LLAMA, T5], ids=["llama", "t5"])
@pytest.mark.parametrize("steps", [1, 6], ids=["launched", "replayed"])
def test_training_steps_do_not_wait_for_the_gpu(
    entry, ways, optimizer, precision, steps, no_waiting, monkeypatch
):
    monkeypatch.setattr(device, "has_bf16", lambda device: precision == "bf16")
    model, passages = untrained(entry, ways), data(ways)
    budget = ADAMW.model_copy(update={"optimizer": optimizer})
    step, order = TrainingStep(model, passages, budget, steps), Order(len(passages), 32, 0, DEVICE)
    total = torch.zeros((), device=DEVICE)
    for number in range(6):  # within one pass over the data
        if number == 2:
            no_waiting()
        total += step(order.batch(number), optimizers.schedule(number, 6, 0.1))


@only_cuda
@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("entry", [LLAMA, T5], ids=["llama", "t5"])
def test_a_beam_search_does_not_wait_for_the_gpu(entry, width, no_waiting):
    model, columns = randomised(entry, 3), inputs(6, 3)
    decoded(model, columns, width)
    no_waiting()
    decoded(model, columns, width)


# Embedding and inverting


@pytest.fixture
def random_transformer(tmp_path):
    """The entry of an untrained BERT that reads letters, its folder made here."""
    known = {token: i for i, token in enumerate(["[PAD]", "[CLS]", *string.ascii_lowercase])}
    letters = Tokenizer(models.WordLevel(known, unk_token="[PAD]"))
    letters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    letters.post_processor = processors.TemplateProcessing(
        "[CLS] $A", special_tokens=[("[CLS]", 1)]
    )
    PreTrainedTokenizerFast(tokenizer_object=letters, pad_token="[PAD]").save_pretrained(tmp_path)
    BertConfig(
        vocab_size=len(known),
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=32,
    ).save_pretrained(tmp_path)
    stated = {"model": str(tmp_path), "dimension": 64, "cased": False, "max_tokens": 32}
    return read_embedder({"kind": "random-transformer", **stated})


def test_a_random_transformer_embeds_as_on_the_cpu(random_transformer):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdefgh"), length)) for length in (1, 3, 3, 8, 30, 8, 5)]
    here, on_cpu = (load_embedder("mine", random_transformer, where) for where in (DEVICE, "cpu"))
    expected = on_cpu.embed(texts)
    assert np.linalg.norm(expected[1] - expected[2]) > 1e-2
    assert here.embed(texts) == pytest.approx(expected, abs=1e-5)
    assert here.embed(texts[4:5])[0] == pytest.approx(expected[4], abs=1e-5)


def test_an_embedder_screens_in_bf16_near_what_it_embeds(random_transformer, monkeypatch):
    monkeypatch.setattr(device, "has_bf16", lambda device: True)
    embedder, texts = load_embedder("mine", random_transformer, DEVICE), ["abc", "cab", "hgfedcba"]
    exact = embedder.embed(texts)
    with embedder.screening():
        rough = embedder.embed(texts)
    assert not np.array_equal(rough, exact)
    assert cosines(rough, exact) == pytest.approx(1, abs=1e-3)


def toy_attack(hypothesizer, corrector):
    """An inverter as the search sees it, of an embedder that looks tokens up in a table."""
    table = np.random.default_rng(0).normal(size=(LENGTH, VOCABULARY, DIMENSION))

    def decode(ids):
        return [" ".join(map(str, row)) for row in ids]

    def embed(texts, ids):
        vectors = table[np.arange(LENGTH), ids].sum(1).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return attack(hypothesizer, corrector, decode, embed, greedy(LENGTH))


@pytest.mark.parametrize("entry", BACKBONES.values(), ids=BACKBONES)
@pytest.mark.parametrize("how", [("elitist", 3, 4, 2, 3), ("paper", 4, 4)], ids=lambda how: how[0])
def test_a_search_finds_what_it_finds_on_the_cpu(how, entry):
    models = randomised(entry), randomised(entry, ways=3)
    targets = inputs(8)[0].cpu().numpy()
    found = invert(toy_attack(*models), targets, Effort(*how))
    there = toy_attack(*(copy.deepcopy(model).cpu() for model in models))
    expected = invert(there, targets, Effort(*how))
    assert any(rounds[0].best.text != rounds[-1].best.text for rounds in expected)
    for here, there in zip(found, expected, strict=True):
        assert [r.best.text for r in here] == [r.best.text for r in there]
        assert [r.best.cosine for r in here] == pytest.approx(
            [r.best.cosine for r in there], abs=1e-5
        )


def knowing():
    """A corrector whose surrogate was fitted to passages, and texts of two targets.

    → the corrector on the CPU, texts that were embedded, their embeddings, and candidates
    """
    model, generator = randomised(ways=3).cpu(), torch.Generator().manual_seed(2)
    ids = torch.randint(1, VOCABULARY, (400, LENGTH), generator=generator)
    table = torch.randn(VOCABULARY, DIMENSION, generator=generator)
    vectors = torch.nn.functional.normalize(table[ids].sum(1))
    model.surrogate.fit(ids, vectors)
    seen = [ids[:5], ids[5:8]], [vectors[:5], vectors[5:8]]
    return model, *seen, [ids[8:12], ids[12:18]]


def test_a_surrogate_expects_what_it_expects_on_the_cpu():
    there, ids, vectors, candidates = knowing()
    here, targets, rows = copy.deepcopy(there).to(DEVICE), inputs(3)[0].cpu(), torch.tensor([2, 0])
    found = judging.imagine(here, ids, vectors, candidates)
    torch.testing.assert_close(found, judging.imagine(there, ids, vectors, candidates))
    expected, found = (
        judging.expect(
            model,
            generate.read_targets(model, targets.to(model.device)),
            *(rows.to(model.device), ids, vectors, candidates),
        )
        for model in (there, here)
    )
    assert all(cosines.std() > 0.01 for cosines in expected)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_surrogate_proposes_what_is_as_near_as_on_the_cpu():
    """A GPU's shortlist is in bf16; what it leaves is compared in fp32."""
    there, ids, vectors, _ = knowing()
    targets, rows = inputs(3)[0].cpu(), torch.tensor([2, 0, 1])

    def nearest(model):
        near = (part.to(model.device) for part in (rows, vectors[1], ids[1]))
        given = generate.read_targets(model, targets.to(model.device)), *near
        known = model.surrogate.known(model.barred)
        texts = judging.substitute(model, given[0], known, *given[1:], 6)
        own = judging.predict(model, *given, ids[1].to(model.device)[:, None])
        return judging.predict(model, *given, texts).cpu(), own.cpu()

    (expected, before), (found, _) = nearest(there), nearest(copy.deepcopy(there).to(DEVICE))
    assert found.shape == (3, 6) and (expected > before + 0.05).all()
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)


# Loss


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-6)])
@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_the_fused_loss_and_its_gradients_are_the_plain_ones(shared, dtype, tolerance, monkeypatch):
    """Relative, in the norm; the plain ones in double precision."""
    monkeypatch.setattr(losses, "CHUNK_BYTES", {"cpu": 3 * 4 * 512, "cuda": 3 * 4 * 512})
    monkeypatch.setattr(losses, "AMORTISED", 0)
    generator = torch.Generator().manual_seed(0)
    shapes = [(7, LENGTH, 32), (512, 32), (7, 512)][: 3 if shared else 2]
    leaves = [torch.randn(shape, generator=generator).to(DEVICE) for shape in shapes]
    ids = torch.randint(512, (7, LENGTH), generator=generator).to(DEVICE)

    def loss_and_gradients(function, leaves):
        leaves = [leaf.clone().requires_grad_() for leaf in leaves]
        loss = function(*leaves, *([] if shared else [None]), ids).mean()
        return loss, *torch.autograd.grad(loss / 3, leaves)

    expected = loss_and_gradients(plain_nll, [leaf.double() for leaf in leaves])
    with torch.autocast(DEVICE, dtype, enabled=dtype == torch.bfloat16):
        found = loss_and_gradients(fused_nll, leaves)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() < tolerance * other.norm()


def test_a_surrogate_learns_and_predicts_as_on_a_cpu():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, VOCABULARY, (500, 8), generator=generator)
    e, vector = nn.functional.normalize(torch.randn(2, 500, 16, generator=generator), dim=2)
    found = []
    for where in (DEVICE, "cpu"):
        surrogate = Surrogate(VOCABULARY, 16).to(where)
        surrogate.fit(ids.to(where), e.to(where))
        barred = torch.zeros(VOCABULARY, device=where)
        given = [part[:5].to(where) for part in (e, vector, ids)]
        near, _ = surrogate.shortlist(*given, surrogate.known(barred), 6)
        seen = ids[None, :5].to(where), vector[None, :5].to(where)
        there = torch.ones(1, 5, dtype=torch.bool, device=where)
        expected = surrogate.expected_cosines(given[0][:1], *seen, there, near[:1])
        said = surrogate.ngrams.codes, surrogate.vectors, surrogate.cosines(*given, near), expected
        found.append([part.cpu() for part in said])
    for on_device, on_cpu in zip(*found, strict=True):
        torch.testing.assert_close(on_device, on_cpu, rtol=1e-3, atol=1e-4)
