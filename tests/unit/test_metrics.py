import numpy as np
import pytest

from textback import metrics
from textback.bootstrap import bleu_gain, bleu_interval, mean_gain, mean_interval, weights


def test_exact_match_ignores_only_unicode_form_and_white_space():
    assert metrics.exact_match("cafe\u0301  noir", "café noir") == 1
    assert metrics.exact_match("Café noir", "café noir") == 0


def test_token_f1_counts_repetitions_and_the_set_version_does_not():
    hypothesis, reference = "a a b", "a b b"
    assert metrics.token_f1(hypothesis, reference) == pytest.approx(2 / 3)
    assert metrics.token_f1_set(hypothesis, reference) == 1


def test_token_f1_of_texts_without_a_common_word_is_zero():
    assert metrics.token_f1("a b", "c d") == 0
    assert metrics.token_f1("", "c d") == 0


def test_rouge_l_is_f1_of_the_longest_common_subsequence():
    # longest common subsequence of "a b c d" and "a c b d": 3 of 4 and 4 words
    assert metrics.rouge_l("A b c d.", "a c b d") == pytest.approx(3 / 4)


def test_edit_similarity_of_kitten_and_sitting():
    assert metrics.edit_similarity("kitten", "sitting") == pytest.approx(1 - 3 / 7)


def test_sentence_bleu_reaches_100_for_a_match_of_two_words():
    assert metrics.bleu_sentence("two words", "two words") == pytest.approx(100)


def test_corpus_bleu_of_a_match_shorter_than_four_words_is_zero():
    assert metrics.bleu_of(metrics.bleu_statistics(["two words"], ["two words"]).sum(0)) == 0


def test_corpus_bleu_from_statistics_is_sacrebleus():
    from sacrebleu import corpus_bleu

    hypotheses = ["the cat sat on the mat", "a dog in the fog there"]
    references = ["the cat sat on a mat", "a dog in the fog is there"]
    ours = metrics.bleu_of(metrics.bleu_statistics(hypotheses, references).sum(0))
    assert ours == pytest.approx(corpus_bleu(hypotheses, [references]).score)


def test_corpus_bleu_by_hand():
    # 5 of 6 words, 3 of 5 pairs, 2 of 4 triples, 1 of 3 quadruples, no brevity penalty
    statistics = metrics.bleu_statistics(["the cat sat on a mat"], ["the cat sat on the mat"])
    expected = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert metrics.bleu_of(statistics.sum(0)) == pytest.approx(expected)


def test_the_bleu_signature_names_tokenizer_and_version():
    assert "tok:13a" in metrics.bleu_signature()
    assert "version:" in metrics.bleu_signature()


def test_wilson_interval_of_8_in_10():
    # (0.8 + z²/20 ± z·sqrt(0.016 + z²/400)) / (1 + z²/10) with z = 1.96
    found = metrics.wilson(8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_wilson_interval_of_none_still_has_width():
    found = metrics.wilson(0, 100)
    assert found.low == 0 and found.high == pytest.approx(0.0370, abs=1e-4)
    assert metrics.wilson(100, 100).high == 1


def test_bootstrap_of_equal_values_has_no_width():
    found = mean_interval(np.full(20, 3.0), weights(20, 100))
    assert (found.value, found.low, found.high) == pytest.approx((3, 3, 3))


def test_bootstrap_interval_is_near_the_normal_one(rng):
    values = rng.normal(size=400)
    found = mean_interval(values, weights(400, 4000))
    half = 1.96 * values.std() / 20
    assert found.high - found.value == pytest.approx(half, rel=0.1)
    assert found.value - found.low == pytest.approx(half, rel=0.1)


def test_a_paired_gain_is_seen_where_unpaired_spread_would_hide_it(rng):
    before = rng.normal(size=50) * 10
    gain = mean_gain(before + 0.1, before, weights(50, 500))
    assert gain.low == pytest.approx(0.1) and gain.high == pytest.approx(0.1)


def test_bleu_gain_of_a_text_with_itself_is_zero():
    statistics = metrics.bleu_statistics(["a b c d e", "f g h i"], ["a b c d x", "f g h i"])
    gain = bleu_gain(statistics, statistics, weights(2, 50))
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


def test_bleu_interval_contains_its_value(rng):
    texts = [" ".join(rng.choice(list("abcd"), 8)) for _ in range(60)]
    found = bleu_interval(metrics.bleu_statistics(texts, texts[1:] + texts[:1]), weights(60, 200))
    assert found.low < found.value < found.high
