"""The paper's search, against its rounds written out plainly, and the paper's reader."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from textback.config import Backbone, read_study
from textback.errors import TextbackError
from textback.inverter.model import Inverter
from textback.inverter.readers import PaperReader
from textback.inverter.search import Attack, Effort, invert

LENGTH, LETTERS, DIMENSION = 4, 6, 5


class Toy:
    """Corrects a text into so many others, by a rule of its own, whether better or worse.

    The embedder looks letters and their places up in a table. `embedded` holds the texts of each
    call, `corrected` those that were corrected.
    """

    def __init__(self, repeats=False):
        self.repeats = repeats
        rng = np.random.default_rng(3)
        self.table = rng.normal(size=(LENGTH, LETTERS, DIMENSION))
        self.embedded: list[str] = []
        self.corrected: list[str] = []

    def attack(self):
        return Attack(
            guess=lambda targets: np.zeros((len(targets), LENGTH), int),
            read=lambda targets: targets,
            correct=self.correct,
            decode=lambda ids: [text_of(row) for row in ids],
            embed=self.embed,
        )

    def correct(self, read, rows, vectors, ids, width):
        assert np.allclose(vectors, self.vectors(ids))
        self.corrected += [text_of(row) for row in ids]
        likelihoods = np.tile(-np.arange(width, dtype=float), (len(ids), 1))
        return np.stack([self.children(row, width) for row in ids]), likelihoods

    def children(self, row, width):
        """Different texts for every way and parent; with `repeats` many parents share them."""
        number, count = int(text_of(row), LETTERS), LETTERS**LENGTH
        number = number % 2 if self.repeats else number
        return np.array([digits((5 * number + 1 + 211 * way) % count) for way in range(width)])

    def embed(self, texts, ids):
        assert list(texts) == [text_of(row) for row in ids]
        self.embedded += texts
        return self.vectors(ids)

    def vectors(self, ids):
        vectors = self.table[np.arange(LENGTH), np.asarray(ids)].sum(1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def text_of(row):
    return "".join(map(str, row))


def digits(number):
    return [number // LETTERS**place % LETTERS for place in reversed(range(LENGTH))]


def reference(toy, target, beam, rounds):
    """The answer, its cosine and the queries after every round, one text at a time, no memory."""

    def cosine(row):
        return float(toy.vectors([row])[0] @ target)

    parents = [[0] * LENGTH]
    states = [(text_of(parents[0]), cosine(parents[0]), 1)]
    for _ in range(rounds):
        candidates = [child for row in parents for child in toy.children(row, beam).tolist()]
        queries = states[-1][2] + len(candidates)
        distinct = {text_of(row): row for row in candidates}.values()
        parents = sorted(distinct, key=cosine, reverse=True)[:beam]
        states.append((text_of(parents[0]), cosine(parents[0]), queries))
    return states


@pytest.fixture
def targets():
    vectors = np.random.default_rng(0).normal(size=(6, DIMENSION))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def search(toy, targets, beam, rounds, patience=1):
    return invert(toy.attack(), targets, Effort("paper", beam, rounds, patience))


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("beam", [1, 3])
def test_the_papers_rounds_are_those_of_a_plain_reference(targets, beam, repeats):
    toy = Toy(repeats)
    histories = search(toy, targets, beam, rounds=5)
    for target, rounds in zip(targets, histories, strict=True):
        states = [(r.best.text, r.best.cosine, r.queries) for r in rounds]
        expected = reference(toy, target, beam, rounds=5)
        assert [state[0] for state in states] == [state[0] for state in expected]
        assert [state[2] for state in states] == [state[2] for state in expected]
        assert [s[1] for s in states] == pytest.approx([s[1] for s in expected], abs=1e-9)


def test_a_texts_queries_are_one_and_a_beam_and_then_a_squared_beam_a_round(targets):
    beam, rounds = 3, 4
    toy = Toy()
    for history in search(toy, targets, beam, rounds):
        expected = [1] + [1 + beam + beam**2 * number for number in range(rounds)]
        assert [state.queries for state in history] == expected
    assert len(toy.embedded) == len(targets) * (1 + beam + beam**2 * (rounds - 1))


def test_the_papers_answer_is_the_rounds_own_even_where_it_is_worse(targets):
    histories = search(Toy(), targets, beam=2, rounds=5)
    cosines = [[state.best.cosine for state in history] for history in histories]
    assert any(row != sorted(row) for row in cosines)
    assert all(state.best is state.candidate for history in histories for state in history)


def test_the_paper_runs_all_rounds_of_a_recovered_text_and_embeds_texts_again():
    class Still(Toy):
        def children(self, row, width):
            return np.array([row] * width)

    toy = Still()
    history = search(toy, toy.vectors([[0] * LENGTH]), beam=2, rounds=3)[0]
    assert history[0].best.cosine == pytest.approx(1)
    assert [state.queries for state in history] == [1, 3, 5, 7]
    assert toy.corrected == ["0000"] * 3  # one distinct parent a round
    assert toy.embedded == ["0000"] * 7


SEP, START = torch.arange(8.0)[None], -(torch.arange(8.0)[None] ** 2)


def papers(dimension=DIMENSION, tokens=2, ways=3):
    torch.manual_seed(0)
    return PaperReader(dimension, 8, tokens, ways, dropout=0.5)


@pytest.fixture
def joined():
    """A reader, its parts e, ê and e − ê, the embedded tokens of x̂, and what it makes of them."""
    reader = papers()
    nn.init.normal_(reader.norm.weight)
    nn.init.normal_(reader.norm.bias)
    vectors = torch.randn(3, 4, DIMENSION)
    parts = [reader.project(vector, way) for way, vector in enumerate(vectors)]
    guess = torch.randn(4, 3, 8)
    return (
        reader,
        [inputs for inputs, _ in parts],
        guess,
        reader.join(parts, guess, torch.cat([START, SEP])),
    )


def test_the_papers_corrector_reads_its_parts_in_the_papers_order_under_one_norm(joined):
    reader, (e, guessed, difference), guess, found = joined
    sep, start = (token.expand(4, 1, -1) for token in (SEP, START))
    laid = torch.cat([sep, e, sep, guessed, sep, difference, sep, start, guess], 1)
    assert torch.equal(found.inputs, reader.norm(laid))
    assert found.unseen == 4 + 3 * 2
    assert found.shared is None


def test_the_papers_hypothesizer_reads_the_embedding_alone_without_norm():
    reader = papers(ways=1)
    projected = reader.project(torch.randn(4, DIMENSION), 0)
    found = reader.join([projected], None, torch.cat([START, SEP]))
    assert torch.equal(found.inputs, projected[0])
    assert found.unseen is None and found.shared is None


def test_the_papers_reader_takes_vectors_as_they_are():
    reader = papers().eval()
    vector = torch.randn(4, DIMENSION)
    before, _ = reader.project(vector, 0)
    reader.fit_scale(100 * vector + 3)
    assert torch.equal(reader.project(vector, 0)[0], before)


@pytest.mark.parametrize(("ways", "drops"), [(1, True), (3, False)])
def test_the_papers_dropout_is_in_the_hypothesizers_reader_and_not_in_a_correctors(ways, drops):
    reader = papers(ways=ways).train()
    vector = torch.randn(4, DIMENSION)
    one, again = reader.project(vector, 0)[0], reader.project(vector, 0)[0]
    assert torch.equal(one, again) != drops


@pytest.fixture
def corrector():
    torch.manual_seed(1)
    entry = Backbone(size="toy", family="t5", form="paper", embedding_tokens=2)
    model = Inverter(entry, 30, DIMENSION, 3)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def memory(model, start=0.0, separator=0.0):
    """What a corrector makes of one input, its special tokens' embeddings moved by so much."""
    generator = torch.Generator().manual_seed(2)
    e, guessed = torch.randn(2, 3, DIMENSION, generator=generator)
    ids = torch.randint(1, 30, (3, 4), generator=generator)
    plain = model.backbone.specials
    moved = torch.randn(2, 32, generator=generator) * torch.tensor([[start], [separator]])
    model.backbone.specials = lambda: plain() + moved
    with torch.no_grad():
        read = model.read(e, guessed, ids).memory
    model.backbone.specials = plain
    return read


def test_nothing_of_the_start_token_before_the_guess_reaches_the_memory(corrector):
    before = memory(corrector)
    assert before.shape == (3, 4 + 3 * 2 + 4, 32)
    assert torch.equal(memory(corrector, start=5.0), before)
    assert not torch.allclose(memory(corrector, separator=5.0), before, atol=1e-2)


def test_the_start_token_before_the_guess_holds_a_place(corrector):
    inputs = torch.randn(3, 9, 32, generator=torch.Generator().manual_seed(0))
    without = torch.cat([inputs[:, :4], inputs[:, 5:]], 1)
    with torch.no_grad():
        unseen = corrector.backbone.read(inputs, 4)
        absent = corrector.backbone.read(without)
    assert unseen.shape == absent.shape
    assert not torch.allclose(unseen, absent, atol=1e-2)


def test_a_study_of_the_papers_form_in_another_family_is_refused_in_one_line():
    config = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
    config["inverters"]["nano"]["backbone"] = {"family": "t5", "form": "paper"}
    read_study(config)
    config["inverters"]["nano"]["backbone"]["family"] = "llama"
    with pytest.raises(TextbackError, match="inverter 'nano': the form 'paper' is a T5's") as error:
        read_study(config)
    assert "\n" not in str(error.value)
