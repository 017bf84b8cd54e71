"""The rows of a batch: where data lies and how it is reduced changes nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from textback.cells import Reduction
from textback.embeddings import write_embeddings
from textback.inverter.batches import Data, Order
from textback.inverter.data import (
    Reduce,
    corrector_data,
    hypothesizer_data,
    null_data,
    write_hypotheses,
)
from textback.inverter.state import digest
from textback.passages import write_passages
from textback.reductions import Projection, fit

ROWS, NATIVE = 20, 8


@pytest.fixture
def columns(rng):
    """Passages, embeddings in 16 bits, and hypotheses."""
    return (
        torch.from_numpy(rng.integers(0, 30, (ROWS, 3), dtype=np.int32)),
        torch.from_numpy(rng.normal(size=(ROWS, NATIVE)).astype(np.float16)),
        torch.from_numpy(rng.integers(0, 30, (ROWS, 3), dtype=np.int32)),
    )


def projections(rng):
    raw = rng.normal(size=(50, NATIVE)) + 1
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    reductions = [Reduction.parse(text) for text in ("native", "pca3", "prefix3", "random3")]
    return [fit(reduction, points) for points in (unit, raw) for reduction in reductions]


@pytest.mark.parametrize("number", range(8))
def test_reducing_on_the_fly_equals_the_reduction(rng, columns, number):
    project = projections(rng)[number]
    found = Reduce(project, "cpu")(columns[1])
    assert found.dtype == torch.float32
    assert np.abs(found.numpy() - project(columns[1].numpy())).max() < 1e-6


def test_a_reduced_vector_without_length_stays_finite(rng):
    nothing = np.zeros((1, NATIVE), np.float16)
    assert (Reduce(Projection(), "cpu")(torch.from_numpy(nothing)) == 0).all()


@pytest.fixture
def elsewhere(monkeypatch):
    """A device whose memory is the host's, so that what travels there can be looked at."""
    device, move = torch.device("meta"), torch.Tensor.to

    def stay(self, target, *options, **named):
        return self if target == device else move(self, target, *options, **named)

    monkeypatch.setattr(torch.Tensor, "to", stay)
    return device


def test_data_that_stays_on_the_host_gives_the_same_rows_reduced_alike(
    rng, columns, tmp_path, elsewhere
):
    reduce = Reduce(projections(rng)[1], "cpu")
    passage = torch.arange(ROWS).flip(0)
    there = Data(columns[0], columns[1:], torch.device("cpu"), reduce, passage)
    ids, *inputs = (mapped(column, tmp_path / str(i)) for i, column in enumerate(columns))
    host = Data(ids, tuple(inputs), elsewhere, reduce, passage)
    order = Order(ROWS, batch=7, seed=0)
    for index in (*map(order.batch, range(4)), slice(3, 9), slice(None)):
        for found, expected in zip(host.rows(index), there.rows(index), strict=True):
            assert found.dtype == expected.dtype in (torch.int64, torch.float32)
            assert torch.equal(found, expected)


def test_passages_that_are_there_once_give_the_rows_of_each_of_their_guesses(rng, columns):
    ids, e, guesses = columns
    vectors = torch.from_numpy(rng.normal(size=(ROWS, NATIVE)).astype(np.float16))
    passage = torch.tensor([0, 1, 2, 3, 4] * 4)
    repeated = Data(ids[passage], (e[passage], vectors, guesses), torch.device("cpu"))
    once = Data(ids[:5], (e[:5], vectors, guesses), torch.device("cpu"), passage=passage)
    assert len(once) == len(repeated) == ROWS
    for index in (torch.tensor([19, 0, 7, 7]), slice(3, 9), slice(None)):
        for found, expected in zip(once.rows(index), repeated.rows(index), strict=True):
            assert torch.equal(found, expected)
    other = replace(once, passage=passage.flip(0))
    assert digest(once.tensors) != digest(other.tensors)  # by which a checkpoint knows its data


def test_a_correctors_data_have_each_embedding_once_and_read_it_where_it_is_used(
    tokenizer, rng, tmp_path
):
    text = ("one two", "ten six", "two one", "six ten")
    ids = np.array([tokenizer.encode(one) for one in text], np.uint16)
    vectors = rng.normal(size=(4, NATIVE)).astype(np.float16)
    files = [tmp_path / name for name in ("train.parquet", "e.safetensors", "h.safetensors")]
    write_passages(files[0], ids, tokenizer)
    write_embeddings(files[1], vectors)
    guessed = rng.normal(size=(6, NATIVE)).astype(np.float16)
    guesses = torch.from_numpy(rng.integers(0, 30, (6, ids.shape[1]), dtype=np.int32))
    write_hypotheses(files[2], guesses, guessed, passages=3)
    data = corrector_data(*files[:2], files[2:], Projection(unit=False), "cpu")
    assert len(data) == 6 and [len(part) for part in data.inputs] == [3, 6, 6]
    found = data.rows(torch.tensor([4, 0]))
    for given, expected in zip(
        found, (ids[[1, 0]], vectors[[1, 0]], guessed[[4, 0]], guesses[[4, 0]]), strict=True
    ):
        assert np.array_equal(given.numpy(), expected)
    maps = Path("/proc/self/maps")
    assert not maps.exists() or all(str(file) in maps.read_text() for file in files[1:])


def test_what_travels_to_a_gpu_is_pinned(columns, monkeypatch):
    pinned = []

    def pin(self):
        pinned.append(len(self))
        return self

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *target, **options: self)
    Data(columns[0], columns[1:], torch.device("cuda")).rows(torch.tensor([5, 0]))
    assert pinned == [2, 2, 2]


def test_only_the_rows_asked_for_travel_to_a_device(columns):
    host = Data(columns[0], columns[1:], torch.device("meta"))
    rows = host.rows(torch.tensor([5, 0]))
    assert [value.device.type for value in rows] == ["meta"] * 3
    assert [tuple(value.shape) for value in rows] == [(2, 3), (2, NATIVE), (2, 3)]


def mapped(column, path):
    """A column as a tensor that is read from disk where it is used."""
    np.save(path.with_suffix(".npy"), column.numpy())
    return torch.from_numpy(np.load(path.with_suffix(".npy"), mmap_mode="r+"))


def test_rows_are_those_of_the_columns(columns):
    data = Data(columns[0], columns[1:], torch.device("cpu"))
    index = torch.tensor([5, 0, 5])
    ids, vectors, guesses = data.rows(index)
    assert torch.equal(ids, columns[0][[5, 0, 5]].long())
    assert torch.equal(vectors, columns[1][[5, 0, 5]].float())
    assert torch.equal(guesses, columns[2][[5, 0, 5]].long())


def test_an_order_depends_on_its_seed_and_step_alone():
    one, other = Order(10, 4, seed=0), Order(10, 4, seed=1)
    forwards = [one.batch(step).tolist() for step in range(8)]
    assert [one.batch(step).tolist() for step in reversed(range(8))] == forwards[::-1]
    assert [other.batch(step).tolist() for step in range(8)] != forwards


def test_a_hypothesizers_data_are_passages_with_their_reduced_embeddings(tokenizer, rng, tmp_path):
    ids = np.array(
        [tokenizer.encode(text) for text in ("one two", "ten six", "two one")], np.uint16
    )
    vectors = rng.normal(size=(3, NATIVE)).astype(np.float16)
    write_passages(tmp_path / "train.parquet", ids, tokenizer)
    write_embeddings(tmp_path / "train.safetensors", vectors)
    project = projections(rng)[1]
    data = hypothesizer_data(
        tmp_path / "train.parquet", tmp_path / "train.safetensors", project, "cpu"
    )
    passages, embedded = data.rows(torch.tensor([2, 0]))
    assert passages.tolist() == ids[[2, 0]].tolist()
    assert embedded.numpy() == pytest.approx(project(vectors)[[2, 0]], abs=1e-6)
    _, nothing = null_data(tmp_path / "train.parquet", "cpu").rows(slice(None))
    assert nothing.shape == (3, 1) and (nothing == 0).all()


def test_a_reduction_is_in_full_precision_whatever_training_computes_in(rng):
    """A corrector's e − ê is the small difference of two vectors reduced so."""
    projection = Projection(mean=None, basis=rng.normal(size=(16, 4)).astype("float32"), unit=True)
    reduce, vectors = Reduce(projection, "cpu"), torch.randn(8, 16)
    with torch.autocast("cpu", torch.bfloat16):
        found = reduce(vectors)
    assert found.dtype == torch.float32 and torch.equal(found, reduce(vectors))
