"""The search `elitist` of one text: what a round tries, what waits, and what a stopped text keeps."""

import dataclasses

import numpy as np

from textback.inverter.search.elitist import Elitist
from textback.inverter.search.states import Candidates, Effort, Hypothesis, Seen

LETTERS = "abcdef"


def decode(ids):
    return ["".join(LETTERS[i] for i in row) for row in ids]


def candidates(*texts):
    ids = np.array([[LETTERS.index(letter) for letter in text] for text in texts], int)
    return Candidates(ids.reshape(-1, 3), -np.arange(len(texts), dtype=float))


def begun(beam=2):
    first = Hypothesis("aaa", np.zeros(3, int), np.ones(2), 0.5, recovered=False, likelihood=0.0)
    return Elitist.begin(0, Effort("elitist", beam, 9, 1, 1), first)


def test_a_round_has_what_there_is_where_one_kind_runs_out():
    search = begun()
    kinds = search.gather([candidates("abb", "aaa", "abc"), candidates()])
    assert list(map(len, kinds)) == [2, 0]  # the first guess is known
    best = search.choose(kinds, [kind.likelihoods for kind in kinds])
    assert decode(best.ids) == ["abb", "abc"]
    kinds = search.gather([candidates("abb"), candidates("bbb", "bbc", "abc", "bbd", "bbe")])
    best = search.choose(kinds, [kind.likelihoods for kind in kinds])
    assert decode(best.ids) == ["bbb", "bbc", "bbd", "bbe"]


def test_what_both_kinds_bring_is_tried_once_and_waits_no_more():
    search = begun()
    kinds = search.gather([candidates("abb", "abc", "abd"), candidates("abb", "abe", "abf")])
    best = search.choose(kinds, [kind.likelihoods for kind in kinds])
    assert decode(best.ids) == ["abb", "abc", "abe", "abd"]
    assert [decode(kind.ids) for kind in search.waiting] == [[], ["abf"]]


def test_what_waits_keeps_what_it_was_judged_and_what_is_known_is_not_made_again():
    search = begun()
    search.gather([candidates("abb")])
    search.waiting = [candidates("abb", "abc")]
    (kind,) = search.gather([Candidates.unjudged(candidates("abc", "aaa", "abd").ids)])
    assert decode(kind.ids) == ["abb", "abc", "abd"]
    assert np.isnan(kind.likelihoods).tolist() == [False, False, True]
    further = search.further([kind], candidates("abe", "abb", "aaa", "abe"))
    assert decode(further.ids) == ["abe"]


def test_of_a_text_that_stopped_only_its_best_is_kept():
    search = begun()
    kinds = search.gather([candidates("abb", "abc", "abd", "abe", "abf")])
    search.choose(kinds, [kind.likelihoods for kind in kinds])
    worse = dataclasses.replace(search.best, text="abb", cosine=0.1)
    search.take()
    search.add([worse], Seen.of([worse]))
    assert search.stopped and search.best.text == "aaa"
    assert len(search.known) == len(search.seen.ids) == 1 and not any(map(len, search.waiting))
    search.rest()
    assert [one.best.text for one in search.history] == ["aaa"] * 3
