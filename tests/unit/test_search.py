"""Rounds of correction, on an embedder whose inverse is known: a text is its letters' counts."""

import dataclasses

import numpy as np
import pytest

from textback.inverter.search import Attack, Effort
from textback.inverter.search import invert as search
from textback.inverter.search.comparison import Comparison, Embedded
from textback.inverter.search.states import FEWEST_EDITS, REMEMBERED, Candidates, Seen, Trial

LETTERS = "abcdef"


def invert(attack, targets, beam, rounds, patience, *rest, mode="elitist"):
    return search(attack, targets, Effort(mode, beam, rounds, 1, patience), *rest)


def decode(ids):
    return ["".join(LETTERS[i] for i in row) for row in ids]


def embed(texts):
    counts = np.array([[text.count(letter) for letter in LETTERS] for text in texts], float)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class Toy:
    """Guesses 'aaa…', then corrects the first wrong letter of a sorted text, one letter a round."""

    def __init__(self, length=3):
        self.length = length
        self.embedded: list[str] = []
        self.corrected: list[str] = []

    def attack(self):
        return Attack(self.guess, decode, self.embed, lambda targets: targets, self._correct)

    def _correct(self, read, rows, vectors, ids, width):
        likelihoods = np.tile(-np.arange(width, dtype=float), (len(rows), 1))
        return self.correct(read[rows], vectors, ids, width), likelihoods

    def embed(self, texts, ids):
        assert list(texts) == decode(ids)
        self.embedded += texts
        return embed(texts)

    def guess(self, targets):
        return np.zeros((len(targets), self.length), int)

    def correct(self, targets, vectors, ids, width):
        self.corrected += decode(ids)
        wanted = np.rint(targets / targets.max(1, keepdims=True))
        return np.stack(
            [
                np.stack([self._mend(row, want, way) for way in range(width)])
                for row, want in zip(ids, wanted, strict=True)
            ]
        )

    def _mend(self, row, want, way):
        """Way 0 puts a missing letter in place of a superfluous one; other ways spoil the text."""
        row = row.copy()
        have = np.bincount(row, minlength=len(LETTERS))
        missing, extra = np.flatnonzero(want > have), np.flatnonzero(want < have)
        if way:
            row[way % self.length] = (row[way % self.length] + way) % len(LETTERS)
        elif len(missing) and len(extra):
            row[np.flatnonzero(row == extra[0])[0]] = missing[0]
        return row


def targets(*texts):
    return embed(list(texts))


def test_round_0_is_the_first_guess_and_every_round_is_reported():
    history = invert(Toy().attack(), targets("bcd"), beam=1, rounds=5, patience=5)[0]
    assert len(history) == 6
    assert history[0].best.text == "aaa"


def test_rounds_find_a_text_whose_letters_are_corrected_one_by_one():
    history = invert(Toy().attack(), targets("bcd"), beam=1, rounds=5, patience=5)[0]
    assert sorted(history[3].best.text) == ["b", "c", "d"]
    assert history[3].best.cosine > 1 - 1e-9


def test_the_best_cosine_never_falls_even_when_every_candidate_is_worse():
    class Worse(Toy):
        def correct(self, targets, vectors, ids, width):
            return np.stack(
                [np.stack([(row + way + 1) % 6 for way in range(width)]) for row in ids]
            )

    history = invert(Worse().attack(), targets("aab", "bcd"), beam=2, rounds=6, patience=6)
    for rounds in history:
        cosines = [r.best.cosine for r in rounds]
        assert cosines == sorted(cosines)


def test_a_recovered_text_stops_and_costs_nothing_more():
    toy = Toy()
    history = invert(toy.attack(), targets("aaa"), beam=3, rounds=4, patience=4)[0]
    assert toy.corrected == []
    assert history[4].queries == 1 and history[4].candidate is None


class Scripted(Toy):
    """Corrects each text by its own list of texts, one a round."""

    def __init__(self, scripts):
        super().__init__()
        self.scripts = [list(script) for script in scripts]

    def correct(self, targets, vectors, ids, width):
        self.corrected += decode(ids)
        texts = [script.pop(0) for script in self.scripts]
        ids = np.array([[LETTERS.index(letter) for letter in text] for text in texts])
        return ids[:, None].repeat(width, 1)


def test_no_text_is_embedded_twice_even_for_another_text_in_a_later_round():
    toy = Scripted([["aab", "aac"], ["aad", "aab"]])
    history = invert(toy.attack(), targets("bcd", "bcd"), beam=1, rounds=2, patience=9)
    assert sorted(toy.embedded) == ["aaa", "aab", "aac", "aad"]
    assert history[1][2].candidate.text == "aab"


class Stuck(Toy):
    """Its ways all spell the same text, a letter further on: 'aaa' becomes 'bbb'."""

    def __init__(self):
        super().__init__()
        self.widths = []

    def correct(self, targets, vectors, ids, width):
        self.corrected += decode(ids)
        self.widths.append(width)
        return ((ids + 1) % 6)[:, None].repeat(width, 1)


def test_no_hypothesis_is_corrected_twice():
    toy = Stuck()
    search(toy.attack(), targets("aab"), Effort("elitist", 1, 9, patience=9, breadth=2))
    assert toy.corrected == ["aaa", "bbb", "ccc", "ddd", "eee", "fff"]


def test_more_is_decoded_than_embedded_and_of_a_narrow_beam_as_well():
    for beam, breadth, width in ((1, 2, 8), (2, 1, 4), (4, 4, 32), (8, 4, 128), (8, 1, 32)):
        toy = Stuck()
        search(
            toy.attack(), targets("aab"), Effort("elitist", beam, 1, patience=9, breadth=breadth)
        )
        assert toy.widths == [width]


def test_a_text_without_gain_stops_after_its_patience():
    toy = Stuck()
    invert(toy.attack(), targets("aab"), beam=1, rounds=10, patience=2)
    assert len(toy.corrected) == 2


class Many(Toy):
    """Writes other texts in every way, the likeliest first: 'aab', 'aac' … for 'aaa'."""

    def correct(self, targets, vectors, ids, width):
        self.corrected += decode(ids)
        ways = [[[0, (1 + way) // 6, (1 + way) % 6] for way in range(width)]]
        return np.array(ways * len(ids))


def test_a_round_embeds_at_most_the_beam_squared_and_the_likeliest_first():
    toy = Many()
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    assert toy.embedded == ["aaa", "aab", "aac", "aad", "aae"]


class Once(Many):
    """As `Many` in the first round, and then the same text in every way."""

    def correct(self, targets, vectors, ids, width):
        first = not self.corrected
        written = super().correct(targets, vectors, ids, width)
        return written if first else np.zeros_like(written)


def test_what_was_decoded_and_not_embedded_waits_for_later_rounds_the_likeliest_first():
    toy = Once()
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 9, patience=9, breadth=3))
    assert toy.embedded[5:9] == ["aaf", "aba", "abb", "abc"]  # four a round
    assert toy.embedded[9:] == ["abd", "abe", "abf", "aca"]  # twelve were written


def test_of_what_waits_only_the_likeliest_is_kept():
    toy = Once()
    attack = toy.attack()
    more = dataclasses.replace(
        attack, correct=lambda *given: attack.correct(*given[:-1], 9 * given[-1])
    )
    search(more, targets("fff"), Effort("elitist", 1, 99, patience=99, breadth=2))
    assert len(toy.embedded) == 1 + 1 + 2  # of 36 ways one was embedded at once, and two waited


def test_other_tokens_of_a_known_text_are_no_other_hypothesis():
    """Here every token above 'f' spells 'a' as well."""

    class Synonyms(Toy):
        def correct(self, targets, vectors, ids, width):
            ways = np.array([[6, 7, 8 + way] for way in range(width)])
            return np.tile(ways, (len(ids), 1, 1))

        def embed(self, texts, ids):
            self.embedded += texts
            return embed(texts)

    toy = Synonyms()
    spell = lambda rows: ["".join((LETTERS + "a" * 20)[i] for i in row) for row in rows]  # noqa: E731
    attack = dataclasses.replace(toy.attack(), decode=spell)
    history = search(attack, targets("fff"), Effort("elitist", 2, 2, patience=9, breadth=1))[0]
    assert toy.embedded == ["aaa"] and history[-1].queries == 1


class Edited(Many):
    """As `Many`; edits of a text 'aaa' are 'bab', 'bac' …, and it is told of which and how many."""

    def attack(self):
        self.edits, self.judged = [], []
        return dataclasses.replace(super().attack(), edit=self._edit, judge=self._judge)

    def _edit(self, read, rows, vectors, ids, width):
        self.edits += [(text, width) for text in decode(ids)]
        return np.array([[[1, (1 + way) // 6, (1 + way) % 6] for way in range(width)]] * len(ids))

    def _judge(self, read, rows, ids):
        self.judged += decode(ids)
        return -9.0 - (6 * ids[:, 1] + ids[:, 2] - 1)


def test_half_of_what_is_embedded_are_edits_the_likeliest_of_each_kind_first():
    toy = Edited()
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 2, patience=9, breadth=4))
    assert toy.embedded[1:5] == ["aab", "aac", "bab", "bac"]  # sorted within a round
    assert toy.embedded[5:] == ["aad", "aae", "bad", "bae"]  # of those that waited


def test_the_hypotheses_that_are_corrected_are_edited():
    toy = Edited()
    search(toy.attack(), targets("fff"), Effort("elitist", 8, 3, patience=9, breadth=1))
    assert [text for text, _ in toy.edits] == toy.corrected
    assert {width for _, width in toy.edits} == {8 * 8 // 2}


def test_what_is_written_fills_a_round_where_there_are_no_more_edits():
    toy = Edited()
    attack = toy.attack()
    few = dataclasses.replace(attack, edit=lambda *given: attack.edit(*given[:-1], 1))
    search(few, targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    assert toy.embedded == ["aaa", "aab", "aac", "aad", "bab"]


class Fresh(Edited):
    """As `Edited`, but writes others in each round: 'aab' … in the first, 'acb' … in the second."""

    def correct(self, targets, vectors, ids, width):
        rounds = len(self.corrected)
        written = super().correct(targets, vectors, ids, width)
        written[..., 1] += 2 * rounds
        return written


def test_a_beam_of_one_embeds_what_is_written_and_what_is_edited_by_turns():
    toy = Fresh()
    search(toy.attack(), targets("fff"), Effort("elitist", 1, 3, patience=9, breadth=4))
    assert [text[0] for text in toy.embedded] == ["a", "a", "b", "a"]
    assert {width for _, width in toy.edits} == {FEWEST_EDITS}


def test_half_of_a_round_are_edits_though_some_were_tried_before():
    toy = Fresh()
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 2, patience=9, breadth=4))
    for part in (toy.embedded[1:5], toy.embedded[5:]):
        assert [text[0] for text in part] == ["a", "a", "b", "b"]  # sorted within a round


def test_nothing_is_edited_that_is_not_to_be():
    for effort in (
        Effort("elitist", 2, 3, patience=9, breadth=4, edits=False),
        Effort("paper", 2, 3),
    ):
        toy = Edited()
        search(toy.attack(), targets("fff"), effort)
        assert toy.edits == [] and toy.corrected


def expect_d_and_f(read, rows, ids, vectors, candidates):
    """Those near that end in 'd' or 'f'."""
    return [np.isin(each[:, -1], (3, 5)) * 0.9 for each in candidates]


def expect_by_last(read, rows, ids, vectors, candidates):
    """The nearer, the later in the alphabet their last letter is."""
    return [each[:, -1] / 9 for each in candidates]


def test_what_is_expected_to_be_near_is_embedded_before_what_is_likelier():
    """The ways that end in 'd' and 'f', though others are likelier."""

    toy = Many()
    attack = dataclasses.replace(toy.attack(), expect=expect_d_and_f)
    search(attack, targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    assert toy.embedded == ["aaa", "aad", "aaf", "abd", "abf"]


@pytest.mark.parametrize("screened", [False, True])
def test_nearness_is_expected_of_all_that_waits_given_all_that_was_seen_of_the_text(screened):
    """Each round anew: what is screened away was seen, too, and what waits is judged again."""
    given = []

    def expect(read, rows, ids, vectors, candidates):
        for row, seen, near, offered in zip(rows, ids, vectors, candidates, strict=True):
            given.append((row, decode(seen), decode(offered)))
            np.testing.assert_array_equal(near, embed(decode(seen)))
        return [np.zeros(len(each)) for each in candidates]

    toy = Many()
    screen = toy.embed if screened else None
    attack = dataclasses.replace(toy.attack(), expect=expect, screen=screen)
    search(attack, targets("fff", "eee"), Effort("elitist", 2, 2, patience=9, breadth=4))
    assert [row for row, *_ in given] == [0, 1, 0, 1]
    for row in (0, 1):
        (_, first, offered), (_, then, again) = (one for one in given if one[0] == row)
        assert first == ["aaa"] and len(then) == 5 and "aaa" in then
        tried = set(then) - {"aaa"}
        assert tried == set(offered[:4])  # the likeliest, as none is nearer
        assert set(offered[4:]) & set(again) and not tried & set(again)


def test_of_what_was_seen_the_nearest_are_remembered():
    def seen(*cosines):
        n = len(cosines)
        return Seen(np.arange(n)[:, None], np.zeros((n, 2)), np.array(cosines))

    both = seen(0.1, 0.9, 0.3) + seen(*np.linspace(0.2, 0.8, REMEMBERED))
    assert len(both.cosines) == len(both.ids) == len(both.vectors) == REMEMBERED
    assert both.cosines[0] == 0.9 and (np.diff(both.cosines) <= 0).all() and 0.1 not in both.cosines
    assert both.ids[0, 0] == 1


def test_of_new_edits_the_half_that_is_expected_to_be_nearest_is_judged():
    toy = Edited()
    attack = dataclasses.replace(toy.attack(), expect=expect_by_last)
    search(attack, targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    edits = decode(attack.edit(None, [0], None, np.zeros((1, 3), int), FEWEST_EDITS)[0])
    assert len(toy.judged) == FEWEST_EDITS // 2 == len(set(toy.judged))
    rest = set(edits).difference(toy.judged)
    assert min(text[-1] for text in toy.judged) >= max(text[-1] for text in rest)


def test_what_was_dropped_as_far_is_not_made_again_in_its_round():
    """Of texts not embedded yet the same edits are made as of those that are corrected."""

    toy = Edited()
    imagine = lambda ids, vectors, candidates: [np.ones((len(each), 6)) for each in candidates]  # noqa: E731
    attack = dataclasses.replace(toy.attack(), expect=expect_by_last, imagine=imagine)
    search(attack, targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    assert len(toy.edits) > 1 and len(toy.judged) == FEWEST_EDITS // 2


def test_no_edit_is_judged_that_waits_or_was_tried():
    toy = Edited()
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 3, patience=9, breadth=4))
    assert len(toy.edits) > 1  # of several hypotheses, which have the same
    assert len(toy.judged) == len(set(toy.judged)) == FEWEST_EDITS


def test_the_papers_search_expects_nothing():
    def expect(*given):
        raise AssertionError

    toy = Toy()
    attack = dataclasses.replace(toy.attack(), expect=expect)
    search(attack, targets("bcd"), Effort("paper", 2, 3))
    assert toy.corrected


class Foresighted(Edited):
    """As `Edited`; of texts not embedded yet 'cab', 'cac' … are made, of which some are likely."""

    def __init__(self, likelihood=0.0):
        super().__init__()
        self.foreseen, self.likelihood = [], likelihood

    def attack(self):
        return dataclasses.replace(super().attack(), imagine=self._imagine)

    def _imagine(self, ids, vectors, candidates):
        for seen, near in zip(ids, vectors, strict=True):
            np.testing.assert_array_equal(near, embed(decode(seen)))
        self.imagined = candidates
        return [np.full((len(each), 6), 0.5) for each in candidates]

    def _edit(self, read, rows, vectors, ids, width):
        if not (vectors == 0.5).all():
            return super()._edit(read, rows, vectors, ids, width)
        assert rows.tolist() == np.repeat(range(len(read)), [*map(len, self.imagined)]).tolist()
        self.foreseen.append((decode(ids), width))
        ways = [[2, (1 + way) // 6, (1 + way) % 6] for way in range(width)]
        return np.array([ways] * len(ids))

    def _judge(self, read, rows, ids):
        edited = super()._judge(read, rows, ids)
        return np.where(ids[:, 0] == 2, self.likelihood + edited + 9, edited)


def test_what_promises_most_is_edited_before_it_is_embedded_and_that_is_tried_in_the_same_round():
    toy = Foresighted()
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    ((texts, width),) = toy.foreseen
    assert texts == ["aab", "aac", "aad", "aae"]  # the likeliest, none of which was embedded
    assert width == FEWEST_EDITS // 2
    assert toy.embedded == ["aaa", "aab", "aac", "cab", "cac"]


def test_edits_of_what_was_not_embedded_take_their_place_among_the_others():
    toy = Foresighted(likelihood=-9.5)
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    assert toy.embedded == ["aaa", "aab", "aac", "bab", "cab"]


def test_no_text_is_edited_twice_before_it_is_embedded():
    toy = Foresighted(likelihood=-99.0)
    search(toy.attack(), targets("fff"), Effort("elitist", 2, 4, patience=9, breadth=4))
    edited = [text for texts, _ in toy.foreseen for text in texts]
    assert len(toy.foreseen) == 4 and len(edited) == len(set(edited)) == 4 * 4


def test_what_is_foreseen_is_judged_by_how_near_it_is_expected_to_be():
    toy = Foresighted()
    attack = dataclasses.replace(toy.attack(), expect=expect_d_and_f)
    search(attack, targets("fff"), Effort("elitist", 2, 1, patience=9, breadth=4))
    ((texts, _),) = toy.foreseen
    assert {text[-1] for text in texts} == {"d", "f"}
    assert toy.embedded == ["aaa", "aad", "aaf", "cad", "caf"]


@pytest.mark.parametrize(
    "effort",
    [Effort("elitist", 2, 3, patience=9, breadth=4, edits=False), Effort("paper", 2, 3)],
    ids=["no edits", "paper"],
)
def test_where_nothing_is_edited_nothing_is_foreseen(effort):
    toy = Foresighted()
    search(toy.attack(), targets("fff"), effort)
    assert toy.foreseen == [] and toy.corrected


def test_the_two_best_hypotheses_are_corrected_a_round():
    toy = Toy()
    invert(toy.attack(), targets("bcd"), beam=3, rounds=1, patience=3)
    assert len(toy.corrected) == 1  # there is one hypothesis before the first round
    toy = Toy()
    history = invert(toy.attack(), targets("bcd"), beam=3, rounds=2, patience=3)[0]
    assert len(toy.corrected) == 1 + 2 and toy.corrected[1] == history[1].best.text
    near = [(h.text, h.cosine) for h in (history[1].best, history[2].best)]
    assert near[0][1] <= near[1][1]


def test_a_texts_result_does_not_depend_on_the_texts_beside_it():
    alone = invert(Toy().attack(), targets("bcd"), beam=2, rounds=4, patience=4)[0]
    beside = invert(Toy().attack(), targets("eef", "bcd", "aaf"), beam=2, rounds=4, patience=4)[1]
    assert [r.best.text for r in alone] == [r.best.text for r in beside]
    assert [r.queries for r in alone] == [r.queries for r in beside]


def test_on_round_sees_every_round():
    seen = []
    invert(Toy().attack(), targets("bcd"), 1, 3, 3, lambda number, state: seen.append(number))
    assert seen == [0, 1, 2, 3]


def test_cosines_do_not_depend_on_how_long_an_embedders_vectors_are():
    class Long(Toy):
        def embed(self, texts, ids):
            return 7 * super().embed(texts, ids)

    targets = embed(["abc", "bdf"])
    plain = invert(Toy().attack(), targets, 2, 3, 3)
    long = invert(Long().attack(), 5 * targets, 2, 3, 3)
    for history, other in zip(plain, long, strict=True):
        assert [r.best.text for r in history] == [r.best.text for r in other]
        assert np.allclose([r.best.cosine for r in history], [r.best.cosine for r in other])
        assert history[-1].best.cosine > 0.999


def test_a_text_is_recovered_only_if_its_vector_is_as_long_as_the_target():
    """The letters' counts as they are: 'ab' and 'aabb' differ in nothing but length."""

    class Raw(Toy):
        def embed(self, texts, ids):
            self.embedded += texts
            return np.array([[text.count(letter) for letter in LETTERS] for text in texts], float)

        def guess(self, targets):
            return np.array([[0, 1]] * len(targets))

    for target, tried in (
        (np.array([[1.0, 1, 0, 0, 0, 0]]), 1),
        (np.array([[2.0, 2, 0, 0, 0, 0]]), 2),
    ):
        attack = Raw(length=2)
        history = invert(attack.attack(), target, 2, 2, 5)[0]
        assert history[0].best.cosine > 0.9999
        assert len(set(attack.embedded)) >= tried
        assert (history[1].candidate is None) == (tried == 1)


@pytest.mark.parametrize(("lacking", "recovered"), [(0.5e-5, True), (2e-5, False)])
def test_a_text_is_recovered_whose_cosine_lacks_no_more_than_rounding(lacking, recovered):
    """Of unit vectors; storage in 16 bits costs 1e-7, another text far more."""
    found = np.array([[1.0, 0.0]])
    target = np.array([[1 - lacking, np.sqrt(1 - (1 - lacking) ** 2)]])
    compare = Comparison(Embedded(lambda texts, ids: found, memory=False), None, target)
    trial = Trial(Candidates(np.array([[0]]), np.zeros(1, np.float32)), ["a"])
    (hypothesis,) = compare.exact(np.array([0]), trial)
    assert hypothesis.recovered == recovered
    assert hypothesis.cosine == pytest.approx(1 - lacking)


def test_a_text_with_half_a_character_is_not_recovered_and_gives_way_to_one_without():
    """'f' is read as half a character, which the embedder does not see."""

    def read(ids):
        return [text.replace("f", "\ufffd") for text in decode(ids)]

    class Dropping(Scripted):
        def attack(self):
            return dataclasses.replace(super().attack(), decode=read)

        def embed(self, texts, ids):
            return embed(texts)

        def guess(self, targets):
            return np.array([[0, 0, 0, 1]])

    half = "ab\ufffd\ufffd"
    toy = Dropping([["abff", "bbba", "bbaa"]])
    history = invert(toy.attack(), targets("aabb"), beam=1, rounds=4, patience=9)[0]
    assert [r.best.text for r in history] == ["aaab", half, half, "bbaa", "bbaa"]
    assert history[1].best.cosine > 1 - 1e-9 and history[3].best.cosine > 1 - 1e-9
    assert not history[1].best.recovered and history[3].best.recovered
    assert history[4].candidate is None


def test_by_likelihood_the_likeliest_go_on_even_where_others_are_nearer():
    """The toy's way 0, its likeliest, mends a letter; a toy that spoils it there gets nowhere."""
    mended = last(Effort("paper", 2, 3, rank="likelihood"), way=0)
    spoiled = last(Effort("paper", 2, 3, rank="likelihood"), way=1)
    nearest = last(Effort("paper", 2, 3, rank="cosine"), way=1)
    assert mended.cosine == pytest.approx(1) and nearest.cosine == pytest.approx(1)
    assert spoiled.cosine < 0.9


def test_with_one_parent_each_round_corrects_the_nearest_hypothesis_alone():
    toy = Toy()
    search(toy.attack(), embed(["bcd", "bbd"]), Effort("paper", 3, 3, parents="one"))
    assert len(toy.corrected) == 2 * 3
    wide = Toy()
    search(wide.attack(), embed(["bcd", "bbd"]), Effort("paper", 3, 3))
    assert len(wide.corrected) > 2 * 3


def test_without_rounds_nothing_is_corrected_and_no_corrector_is_needed():
    toy = Toy()
    guessing = Attack(toy.guess, decode, toy.embed)
    (history,) = search(guessing, embed(["bcd"]), Effort("paper", 1, 0))
    assert [state.best.text for state in history] == ["aaa"]


def last(effort, way):
    """The best of the last round, where the toy's way `way` mends and the others spoil."""
    toy = Toy()
    mend = toy._mend
    toy._mend = lambda row, want, number: mend(row, want, (number - way) % effort.beam)
    (history,) = search(toy.attack(), embed(["bcd"]), effort)
    return history[-1].best


class Screened(Many):
    """As `Many`, with a screen that holds those with a letter 'e' for a little nearer to 'fff'."""

    def attack(self):
        self.screened = []
        return dataclasses.replace(super().attack(), screen=self._screen)

    def _screen(self, texts, ids):
        self.screened += texts
        return embed(texts) + 0.1 * np.array(
            [["e" in text and letter == "f" for letter in LETTERS] for text in texts]
        )


def test_of_what_is_screened_only_the_nearest_are_embedded():
    """Those with letters 'f', of which none of the 16 has two."""
    toy = Screened()
    effort = Effort("elitist", 4, 1, patience=9, breadth=2)
    (history,) = search(toy.attack(), targets("fff"), effort)
    assert len(toy.screened) == 16 and toy.embedded == ["aaa", "aaf", "abf"]
    assert history[1].best.text == "abf"
    assert history[1].queries == 1 + 16


@pytest.mark.parametrize("beam", [2, 5])
def test_as_many_are_embedded_in_a_round_as_the_next_one_corrects(beam):
    toy = Screened()
    effort = Effort("elitist", beam, 1, patience=9, breadth=2)
    search(toy.attack(), targets("fff"), effort)
    assert len(toy.screened) == beam * beam and len(toy.embedded) == 1 + 2


def test_the_best_is_told_by_its_embedding_and_not_by_the_screen():
    toy = Screened()
    attack = toy.attack()
    wrong = dataclasses.replace(
        attack, screen=lambda texts, ids: attack.screen(texts, ids)[:, ::-1]
    )
    history = search(wrong, targets("aab"), Effort("elitist", 4, 1, patience=9, breadth=2))[0]
    assert toy.embedded == ["aaa", "aaf", "abf"]
    assert history[1].best.text == "aaa"
    assert history[1].best.cosine == pytest.approx(2 / np.sqrt(5))


def test_each_targets_own_candidates_are_screened():
    toy = Screened()
    effort = Effort("elitist", 4, 1, patience=9, breadth=2)
    histories = search(toy.attack(), targets("fff", "ccc"), effort)
    assert ["f" in histories[0][1].best.text, "c" in histories[1][1].best.text] == [True, True]
    assert len(toy.screened) == 16  # both write the same


def test_other_tokens_of_a_text_take_no_place_of_another_text():
    """Of 'aaa' in other tokens, twice 'aac' and 'abc' the last two are new, each once."""

    class Respelt(Screened):
        def correct(self, targets, vectors, ids, width):
            ways = np.array([[6, 0, 0], [0, 6, 0], [0, 0, 2], [0, 6, 2], [0, 1, 2]])
            return np.tile(ways, (len(ids), 1, 1))

        def _correct(self, read, rows, vectors, ids, width):
            return super()._correct(read, rows, vectors, ids, 5)

        def _screen(self, texts, ids):
            self.screened += texts
            return embed(texts)

        def embed(self, texts, ids):
            self.embedded += texts
            return embed(texts)

    toy = Respelt()
    spell = lambda rows: ["".join((LETTERS + "a")[i] for i in row) for row in rows]  # noqa: E731
    attack = dataclasses.replace(toy.attack(), decode=spell)
    effort = Effort("elitist", 4, 1, patience=9, breadth=2)
    history = search(attack, targets("aab"), effort)[0]
    assert toy.screened == ["aac", "abc"] and toy.embedded == ["aaa", "aac", "abc"]
    assert history[1].best.text == "aaa" and history[1].queries == 3


@pytest.mark.parametrize("effort", [Effort("elitist", 1, 2, 9, 9), Effort("paper", 4, 2)])
def test_nothing_is_screened_where_all_is_to_be_embedded(effort):
    toy = Screened()
    search(toy.attack(), targets("fff"), effort)
    assert not toy.screened and len(toy.embedded) > 1


def test_a_round_that_tries_nothing_screens_nothing():
    class Silent(Screened):
        def correct(self, targets, vectors, ids, width):
            return np.zeros((len(ids), width, self.length), int)

    toy = Silent()
    effort = Effort("elitist", 4, 2, patience=9, breadth=1)
    (history,) = search(toy.attack(), targets("fff"), effort)
    assert not toy.screened and history[-1].queries == 1
