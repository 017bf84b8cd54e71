"""The estimate of what a study may ask of paid embedders: an upper bound that is reached."""

import sys

import numpy as np
import pytest
import yaml
from embedding_server import ROOT

from textback import prices
from textback.cli import main
from textback.config import read_study
from textback.inverter.search import Attack, invert
from textback.searches import Search

PAID = {"kind": "openai", "model": "small", "dimension": 384, "cased": True, "price": 0.02}


@pytest.fixture
def config():
    """The default study: 36,000, 500 and 500 passages of 4 and 8 tokens, two cells of each."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["embedders"]["paid"] = dict(PAID)
    return config | {"use_embedders": ["minilm", "paid"], "figures": []}


def test_a_study_without_a_paid_embedder_costs_nothing(config):
    study = read_study(config | {"use_embedders": ["minilm"]})
    assert prices.estimate(study) == [] and prices.lines(study) == []


def test_each_steps_texts_are_counted_by_hand(config):
    texts = {asked.step: asked.texts for asked in prices.estimate(read_study(config))}
    assert texts == {
        "gate": 2 * 6,
        "embed": 2 * 37_000,
        "hypotheses": 4 * (2 * 9_000 + 500),
        "invert": 4 * 500 * ((1 + 10) + (1 + 10 * 16)),
    }


def test_passages_are_shared_by_reductions_and_seeds_and_hypotheses_are_not(config):
    one = config | {"reductions": ["native"], "lengths": [4]}
    texts = {
        asked.step: asked.texts for asked in prices.estimate(read_study(one | {"seeds": [0, 1]}))
    }
    assert texts["embed"] == 37_000 and texts["hypotheses"] == 2 * (2 * 9_000 + 500)


def test_data_rounds_and_sampled_hypotheses_are_counted(config):
    corrector = config["inverters"]["nano"]["corrector"]
    corrector |= {"data_rounds": 3, "hypotheses": 2, "passages": 50_000}
    texts = {asked.step: asked.texts for asked in prices.estimate(read_study(config))}
    assert texts["hypotheses"] == 4 * (2 * 36_000 + 500)
    assert texts["corrector"] == 4 * 2 * 2 * 36_000


def test_tokens_go_with_the_length_and_dollars_with_the_price(config):
    config |= {"reductions": ["native"]}
    short, long = (
        {
            asked.step: asked.tokens
            for asked in prices.estimate(read_study(config | {"lengths": [n]}))
        }
        for n in (4, 8)
    )
    assert short["embed"] == pytest.approx(37_000 * 4 * 1.3)
    assert all(
        long[step] == pytest.approx(2 * short[step]) for step in ("embed", "hypotheses", "invert")
    )
    line = prices.lines(read_study(config | {"lengths": [4]}))[0]
    tokens = sum(short.values())
    assert f"about {tokens:,.0f} tokens, ${tokens * 0.02 / 1e6:,.2f};" in line


@pytest.mark.parametrize(
    "name",
    [
        "elitist-breadth1-patience9",
        "elitist-breadth4-patience9",
        "elitist-breadth1-patience9-no-edits",
        "paper",
        "paper-one-parent",
    ],
)
@pytest.mark.parametrize("beam, rounds", [(1, 1), (1, 4), (3, 1), (3, 4)])
def test_the_search_embeds_no_more_and_at_worst_as_much(name, beam, rounds):
    """The worst case: every candidate is new, and none is right."""
    written, embedded, search = iter(range(10**9)), [], Search.parse(name)

    def new(*shape):
        return np.array([next(written) for _ in range(int(np.prod(shape)))]).reshape(*shape, 1)

    def embed(texts, ids):
        embedded.extend(texts)
        angles = 1 / (2.0 + ids[:, 0])  # each is better than the one before, none recovered
        return np.stack([np.cos(angles), np.sin(angles)], 1)

    def made(rows, width):
        return new(len(rows), width), np.zeros((len(rows), width))

    attack = Attack(
        guess=lambda e: new(len(e)),
        read=lambda e: None,
        correct=lambda read, rows, vector, ids, width: made(rows, width),
        edit=lambda read, rows, vector, ids, width: made(rows, width)[0],
        judge=lambda read, rows, ids: np.zeros(len(ids)),
        decode=lambda ids: [str(row) for row in ids],
        embed=embed,
    )
    invert(attack, np.array([[1.0, 0.0]]), search.effort(beam, rounds))
    assert len(embedded) == prices.search_queries(search, rounds, beam)


def run(monkeypatch, capfd, *arguments):
    monkeypatch.setattr(sys, "argv", ["textback", "price", *arguments])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0, capfd.readouterr()


def test_the_command_shows_a_study_read_over_the_default_one(monkeypatch, capfd, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        yaml.safe_dump(
            {
                "study": "mine",
                "use_embedders": ["paid"],
                "lengths": [4],
                "embedders": {"paid": PAID},
            }
        )
    )
    default = str(ROOT / "config.yaml")
    code, said = run(monkeypatch, capfd, "--config", default, "--config", str(mine))
    assert code == 0
    for text in (
        "At most asked by study mine",
        "37,000",
        "192,400",
        "<$0.01",
        "hypotheses",
        "invert",
    ):
        assert text in said.out, text
    code, said = run(monkeypatch, capfd, "--config", default)
    assert code == 0 and "uses no embedder of kind 'openai'" in said.out
