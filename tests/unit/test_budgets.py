"""Budgets in examples or FLOPs, and the optimisers that spend them."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

from textback.config import Training, read_study
from textback.errors import TextbackError
from textback.inverter import optimizers
from textback.inverter.model import Inverter
from textback.inverter.muon import ADJUSTED, StackedMuon
from textback.inverter.state import Checkpoint
from textback.inverter.training import flops_per_example, mean_nll, plan, train

ROOT = Path(__file__).parents[2]
BATCH = 32


def run(model, data, folder, budget):
    return train(model, data, data, budget, 0, Checkpoint(folder, {}), "toy")


def test_a_budget_in_flops_buys_the_examples_it_should(make, toy):
    model = make()
    each = flops_per_example(model, toy)
    for steps in (2, 7, 40):
        planned = plan(model, toy, Training(flops=steps * BATCH * each, batch=BATCH))
        assert planned.steps == steps
        assert planned.done(steps) == {"examples": steps * BATCH, "flops": steps * BATCH * each}


def test_a_budget_in_examples_costs_what_one_in_flops_buys(make, toy, tmp_path):
    counted = run(make(), toy, tmp_path / "a", Training(examples=20 * BATCH, batch=BATCH))
    bought = run(make(), toy, tmp_path / "b", Training(flops=counted.flops, batch=BATCH))
    assert bought.history == counted.history
    assert bought.flops == counted.flops


def test_history_has_flops_that_rise_with_the_examples(make, toy, tmp_path):
    model = make()
    result = run(model, toy, tmp_path, Training(examples=20 * BATCH, batch=BATCH))
    examples = [row["examples"] for row in result.history]
    assert examples == [2 * BATCH * i for i in range(1, 11)]
    each = flops_per_example(model, toy)
    assert [row["flops"] for row in result.history] == [n * each for n in examples]
    assert result.flops == result.history[-1]["flops"]


def test_a_larger_model_costs_more_flops_and_a_longer_text_does_too(make, backbone, toy):
    nano = make(backbone.model_copy(update={"size": "nano"}))
    assert flops_per_example(nano, toy) > 5 * flops_per_example(make(), toy)
    longer = type(toy)(toy.ids.repeat(1, 4), toy.inputs, toy.device)
    assert flops_per_example(make(), longer) > 2 * flops_per_example(make(), toy)


def test_counting_flops_leaves_weights_gradients_and_chance_as_they_were(make, toy):
    model = make()
    before = [parameter.clone() for parameter in model.parameters()]
    state = torch.get_rng_state()
    flops_per_example(model, toy)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(map(torch.equal, model.parameters(), before))


@pytest.mark.parametrize("spent", ["examples", "flops"])
def test_a_training_that_ends_within_its_warm_up_is_one_line(make, toy, tmp_path, spent):
    model = make()
    cost = {"examples": 1, "flops": flops_per_example(model, toy)}[spent]
    budget = Training(**{spent: int(1.4 * BATCH) * cost}, batch=BATCH)
    message = "the budget buys 44 examples, which ends within its warm-up"
    with pytest.raises(TextbackError, match=message) as error:
        run(model, toy, tmp_path, budget)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", ["null_model", "hypothesizer", "corrector"])
def test_a_study_whose_budget_ends_within_its_warm_up_is_refused(config, part):
    config["inverters"]["nano"][part] |= {"examples": 191}
    with pytest.raises(TextbackError, match=rf"nano.{part}' has a budget of 191 examples"):
        read_study(config)
    config["inverters"]["nano"][part] |= {"examples": 192}
    read_study(config)


@pytest.mark.parametrize(("warmup", "refused"), [(0.9, True), (0.8, False)])
def test_a_budget_whose_last_step_is_still_rising_is_refused(
    warmup, refused, config, make, toy, tmp_path
):
    """Of four steps 0.9 are all four, 0.8 three."""
    budget = {"examples": 4 * BATCH, "batch": BATCH, "warmup": warmup}
    config["inverters"]["nano"]["hypothesizer"] |= budget
    for begin in (
        lambda: read_study(config),
        lambda: run(make(), toy, tmp_path, Training(**budget)),
    ):
        with pytest.raises(TextbackError, match="within its warm-up") if refused else nullcontext():
            begin()


def test_a_study_whose_data_rounds_end_within_their_warm_up_is_refused(config):
    config["inverters"]["nano"]["corrector"] |= {"examples": 383, "data_rounds": 2}
    with pytest.raises(TextbackError, match="383 examples in 2 data rounds, which ends within"):
        read_study(config)
    config["inverters"]["nano"]["corrector"] |= {"examples": 384}
    read_study(config)


@pytest.mark.parametrize("budget", [{}, {"examples": 999, "flops": 1e12}])
def test_a_study_needs_one_budget_of_the_two(config, budget):
    entry = config["inverters"]["nano"]["hypothesizer"]
    del entry["examples"]
    entry |= budget
    with pytest.raises(TextbackError, match="needs either 'examples' or 'flops'"):
        read_study(config)


MUON = Training(examples=1280, batch=BATCH, learning_rate=1e-2, optimizer="muon")


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_every_weight_is_in_one_group_of_one_optimiser(each_model, optimizer):
    budget = Training(examples=1, optimizer=optimizer)
    steppers = optimizers.build(each_model, budget)
    groups = [group["params"] for stepper in steppers for group in stepper.param_groups]
    grouped = [id(parameter) for group in groups for parameter in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in each_model.parameters()}


def test_muon_takes_the_transformers_matrices_and_nothing_else(each_model):
    adamw, muon = optimizers.build(each_model, MUON)
    assert isinstance(adamw, torch.optim.AdamW) and isinstance(muon, torch.optim.Muon)
    taken = {id(parameter) for group in muon.param_groups for parameter in group["params"]}
    linear = (
        f"{name}.weight"
        for name, module in each_model.backbone.named_modules()
        if isinstance(module, nn.Linear) and not name.endswith("lm_head")
    )
    expected = {id(each_model.backbone.get_parameter(name)) for name in linear}
    assert taken == expected
    readers = {id(parameter) for parameter in each_model.reader.parameters()}
    embeddings = {
        id(each_model.backbone.token_embedding()),
        id(each_model.backbone.output_weight()),
    }
    assert not taken & (readers | embeddings)


def test_muon_learns_what_the_vector_tells(make, toy, tmp_path):
    model = make()
    before = mean_nll(model, toy, 64)
    run(model, toy, tmp_path, MUON)
    assert mean_nll(model, toy, 64) < 0.3 * before


def test_the_rate_of_every_group_follows_the_schedule(make):
    steppers = optimizers.build(make(), MUON)
    groups = [group for stepper in steppers for group in stepper.param_groups]
    peaks = [group["lr"] for group in groups]
    optimizers.set_rate(steppers, 0.25)
    optimizers.set_rate(steppers, 0.5)
    assert [group["lr"] for group in groups] == [peak / 2 for peak in peaks]


def test_a_killed_muon_training_goes_on_to_the_same_weights(make, toy, tmp_path, monkeypatch):
    budget = MUON.model_copy(update={"examples": 16 * BATCH})
    whole = make()
    expected = run(whole, toy, tmp_path / "whole", budget)
    forward, passes = Inverter.forward, []

    def fail(self, *arguments):
        passes.append(1)
        if len(passes) == 9:
            raise TextbackError("killed")
        return forward(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("textback.inverter.training.CHECKPOINT_SECONDS", 0.0)
        patch.setattr(Inverter, "forward", fail)
        with pytest.raises(TextbackError, match="killed"):
            run(make(), toy, tmp_path / "killed", budget)
    resumed = make()
    result = run(resumed, toy, tmp_path / "killed", budget)
    assert all(map(torch.equal, resumed.parameters(), whole.parameters()))
    assert result.history == expected.history


@pytest.mark.parametrize("shapes", [[(12, 6), (6, 12), (12, 6)], [(8, 8)]])
def test_stacked_muon_makes_the_steps_of_the_librarys(shapes):
    """Those of one shape together, in bf16: equal but for rounding, and with the same state."""
    settings = {"lr": 1e-2, "weight_decay": 0.1, "adjust_lr_fn": ADJUSTED}
    ours, theirs = ([torch.ones(shape, requires_grad=True) for shape in shapes] for _ in range(2))
    stacked, plain = StackedMuon(ours, **settings), torch.optim.Muon(theirs, **settings)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        stacked.step()
        plain.step()
    ours[0].grad = theirs[0].grad = None  # a matrix without a gradient stays
    stacked.step()
    plain.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
        assert (one - 1).abs().max() > 1e-2
    plain.load_state_dict(stacked.state_dict())
    for one, other in zip(ours, theirs, strict=True):
        momentum = plain.state[other]["momentum_buffer"]
        assert torch.equal(momentum, stacked.state[one]["momentum_buffer"]) and momentum.any()


@pytest.mark.parametrize("part", ["null_model", "hypothesizer", "corrector"])
def test_a_study_whose_batch_its_gpus_cannot_share_is_refused(config, part):
    config["gpus"] = 3
    for each in ("null_model", "hypothesizer", "corrector"):
        config["inverters"]["nano"][each] |= {"batch": 127 if each == part else 126}
    with pytest.raises(TextbackError, match=rf"nano.{part}' has a batch of 127, which 3 'gpus'"):
        read_study(config)
    config["inverters"]["nano"][part] |= {"batch": 126}
    read_study(config)
