"""Models, training and checkpoints."""

import itertools
import os
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from textback import device
from textback.config import Training
from textback.errors import TextbackError
from textback.inverter.batches import Order
from textback.inverter.model import Inverter
from textback.inverter.optimizers import schedule
from textback.inverter.state import Checkpoint, digest, load_model, save_model
from textback.inverter.training import mean_nll, train
from textback.locks import locked

BUDGET = Training(examples=960, batch=32, learning_rate=1e-2, optimizer="adamw")


def run(model, data, folder, budget=BUDGET, spec=None):
    return train(model, data, data, budget, 0, Checkpoint(folder, spec or {"a": 1}), "toy")


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_training_learns_what_the_vector_tells(make, toy, tmp_path):
    model = make()
    before = mean_nll(model, toy, 64)
    result = run(model, toy, tmp_path)
    assert mean_nll(model, toy, 64) < 0.3 * before
    assert result.history[-1]["examples"] == 960
    assert len(result.history) == 10
    assert result.flops > 0


def test_the_same_seed_gives_the_same_weights(make, toy, tmp_path):
    one, other = make(), make()
    run(one, toy, tmp_path / "one")
    run(other, toy, tmp_path / "other")
    assert same_weights(one, other)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_goes_on_to_the_same_weights_and_history(
    make, toy, tmp_path, monkeypatch, number
):
    whole = make()
    expected = run(whole, toy, tmp_path / "whole")

    stopped, steps = make(), []
    forward = Inverter.forward

    def interrupt(self, *arguments):
        steps.append(1)
        if len(steps) == 25:
            os.kill(os.getpid(), number)
        return forward(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Inverter, "forward", interrupt)
        with pytest.raises(SystemExit) as stop:
            run(stopped, toy, tmp_path / "stopped")
    assert stop.value.code == 128 + number
    resumed = make()
    result = run(resumed, toy, tmp_path / "stopped")
    assert same_weights(resumed, whole)
    assert result.history == expected.history


def test_dropout_too_is_the_same_after_a_resume(backbone, make, toy, tmp_path, monkeypatch):
    backbone = backbone.model_copy(update={"dropout": 0.2})
    whole = make(backbone)
    run(whole, toy, tmp_path / "whole")
    monkeypatch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(TextbackError):
        run_until_failure(make(backbone), toy, tmp_path / "killed", monkeypatch)
    resumed = make(backbone)
    run(resumed, toy, tmp_path / "killed")
    assert same_weights(resumed, whole)


def run_until_failure(model, data, folder, monkeypatch):
    """Train with a checkpoint after every step, and fail in the middle as a kill would."""
    forward, steps = Inverter.forward, []

    def fail(self, *arguments):
        steps.append(1)
        if len(steps) == 20:
            raise TextbackError("killed")
        return forward(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Inverter, "forward", fail)
        run(model, data, folder)


def test_a_checkpoint_of_another_configuration_is_dropped(make, toy, tmp_path, monkeypatch):
    with pytest.raises(TextbackError):
        monkeypatch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
        run_until_failure(make(), toy, tmp_path, monkeypatch)
    assert (tmp_path / "checkpoint.safetensors").exists()
    gentler = BUDGET.model_copy(update={"learning_rate": 1e-3})
    other = make()
    run(other, toy, tmp_path, gentler, spec={"a": 2})
    fresh = make()
    run(fresh, toy, tmp_path / "fresh", gentler)
    assert same_weights(other, fresh)


def test_a_truncated_checkpoint_is_named_with_the_way_out(make, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(TextbackError, match="killed"):
        run_until_failure(make(), toy, tmp_path, monkeypatch)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(TextbackError, match="delete it to train from the beginning"):
        run(make(), toy, tmp_path)


def test_a_checkpoint_of_a_machine_that_computes_otherwise_is_refused_not_deleted(
    make, toy, tmp_path, monkeypatch
):
    monkeypatch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(device, "has_bf16", lambda device: True)
    with pytest.raises(TextbackError, match="killed"):
        run_until_failure(make(), toy, tmp_path, monkeypatch)
    path = tmp_path / "checkpoint.safetensors"
    before = path.read_bytes()
    monkeypatch.setattr(device, "has_bf16", lambda device: False)
    with pytest.raises(
        TextbackError, match="in bf16 on cpu, but .* in fp32 on cpu: go on"
    ) as error:
        run(make(), toy, tmp_path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_weights_of_another_type_are_refused_not_rounded(make, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(TextbackError, match="killed"):
        run_until_failure(make(), toy, tmp_path, monkeypatch)
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    halves = {n: t.bfloat16() if n.startswith("model.") else t for n, t in tensors.items()}
    save_file(halves, path, metadata)
    with pytest.raises(TextbackError, match=r"bfloat16 instead of torch\.float32.*delete it"):
        run(make(), toy, tmp_path)
    assert path.exists()


def test_a_checkpoint_of_another_program_is_refused_not_deleted(make, toy, tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(TextbackError, match="not one of textback's"):
        run(make(), toy, tmp_path)
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_every_row_is_seen_once_in_each_pass_over_the_data():
    order = Order(rows=10, batch=4, seed=0)
    seen = torch.cat([order.batch(step) for step in range(5)])
    assert seen[:10].sort().values.tolist() == list(range(10))
    assert seen[10:].sort().values.tolist() == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()
    assert Order(10, 4, 0).batch(3).tolist() == seen[12:16].tolist()
    assert Order(10, 25, 0).batch(0).tolist()[:10] == seen[:10].tolist()


def test_digests_tell_data_apart():
    one = digest([torch.arange(4), torch.zeros(2)])
    assert one == digest([torch.arange(4), torch.zeros(2)])
    assert one != digest([torch.arange(4), torch.ones(2)])
    assert one != digest([torch.arange(4).view(2, 2), torch.zeros(2)])


def test_a_model_made_for_other_data_is_named(hypothesizer, tmp_path):
    hypothesizer.check_fits(tmp_path, 30, 5, 1)
    with pytest.raises(TextbackError, match=r"not for 30, 7 and 1"):
        hypothesizer.check_fits(tmp_path, 30, 7, 1)


def test_a_loss_that_is_not_a_number_is_an_error_that_names_the_rate(make, toy, tmp_path):
    toy.inputs[0][:] = float("nan")
    with pytest.raises(TextbackError, match="learning_rate"):
        run(make(), toy, tmp_path)


def test_the_schedule_rises_over_the_warm_up_and_falls_to_zero():
    factors = [schedule(step, 100, 0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert factors[10] == 1
    assert all(a > b for a, b in itertools.pairwise(factors[10:]))
    assert factors[99] == pytest.approx(1 / 90)


def test_a_corrector_takes_over_what_its_hypothesizer_learned(backbone, hypothesizer):
    torch.manual_seed(5)
    corrector = Inverter(backbone, vocabulary=30, dimension=5, ways=3).eval()
    corrector.start_from(hypothesizer)
    e = torch.randn(4, 5)
    assert torch.equal(corrector.reader.adapters[0](e), hypothesizer.reader.adapters[0](e))
    assert torch.equal(
        corrector.backbone.token_embedding(), hypothesizer.backbone.token_embedding()
    )
    heads = hypothesizer.reader.lexical[0], corrector.reader.lexical[2]
    assert torch.equal(heads[0].weight, heads[1].weight)  # of e, and of e − ê


def test_a_corrector_sees_each_token_of_the_hypothesis_under_the_token_it_writes(corrector):
    """Another last token of x̂ changes, beside the prefix, the input of the last position alone."""
    torch.nn.init.eye_(corrector.reader.drafts.weight)
    e, one, other = torch.randn(1, 5), torch.tensor([[3, 4]]), torch.tensor([[3, 9]])
    drafts = [corrector.read(e, e, ids).draft for ids in (one, other)]
    assert torch.equal(drafts[0][:, 0], drafts[1][:, 0])
    assert torch.equal(drafts[0][0], corrector.backbone.embed(one)[0])
    assert not torch.equal(drafts[0][:, 1], drafts[1][:, 1])


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_a_corrector_reads_target_guess_and_tokens(corrector, changed):
    inputs = [torch.randn(2, 5), torch.randn(2, 5), torch.tensor([[1, 2], [3, 4]])]
    before = corrector.read(*inputs).memory
    inputs[changed] = inputs[changed].flip(0)
    assert not torch.allclose(before, corrector.read(*inputs).memory, atol=1e-3)


def test_every_embedder_looks_alike_to_a_reader_that_was_fitted_to_it(corrector):
    vectors, others = torch.randn(50, 5), torch.randn(50, 5)
    difference = vectors - others
    corrector.reader.fit_scale(vectors)
    expected = [
        corrector.reader.project(x, way) for way, x in enumerate((vectors, others, difference))
    ]
    corrector.reader.fit_scale(100 * vectors + 7)  # the same, on another scale and elsewhere
    inputs = (100 * vectors + 7, 100 * others + 7, 100 * difference)
    for way, x in enumerate(inputs):
        for found, wanted in zip(corrector.reader.project(x, way), expected[way], strict=True):
            assert torch.allclose(found, wanted, atol=1e-3)


def test_any_embedding_dimension_will_do(backbone):
    for dimension in (1, 7, 512):
        model = Inverter(backbone, vocabulary=12, dimension=dimension, ways=3)
        e = torch.randn(2, dimension)
        assert model.nll(
            torch.tensor([[1, 2], [3, 4]]), e, e, torch.tensor([[1, 2], [3, 4]])
        ).shape == (2, 2)


def test_a_model_is_loaded_as_saved(corrector, tmp_path):
    save_model(tmp_path / "model.safetensors", corrector)
    loaded = load_model(tmp_path / "model.safetensors")
    inputs = (torch.randn(2, 5), torch.randn(2, 5), torch.tensor([[1, 2], [3, 4]]))
    assert torch.equal(loaded.read(*inputs).memory, corrector.read(*inputs).memory)
    assert not loaded.training
    held = sum(tensor.nbytes for tensor in [*corrector.parameters(), *corrector.buffers()])
    assert (tmp_path / "model.safetensors").stat().st_size < 1.1 * held + 10_000


def test_a_truncated_or_foreign_model_is_named(hypothesizer, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_model(path, hypothesizer)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TextbackError, match="cannot be read"):
        load_model(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(TextbackError, match="not a model of this version"):
        load_model(path)
    with pytest.raises(TextbackError, match="missing"):
        load_model(tmp_path / "missing.safetensors")


def test_two_processes_cannot_work_in_one_folder(tmp_path):
    with locked(tmp_path), pytest.raises(TextbackError, match="another process"):
        with locked(tmp_path):
            pass
    with locked(tmp_path):
        pass
