"""Passages are a uniform draw from the distinct windows, and need little memory for it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from textback.config import PassageCounts
from textback.encoding import WordEncoder
from textback.errors import TextbackError
from textback.passages import draw_passages
from textback.tokenizer import Tokenizer
from textback.windows import Sample, whole_words, window_hashes

LETTERS = "abcdefgh"


@pytest.fixture
def texts(rng):
    """Texts of words of one and of several tokens, some windows far more frequent than others."""
    words = ["one", "two", "three", "lighthouse", "five?", "ünïcödé", "ten"]
    weights = np.array([20, 10, 5, 3, 2, 1, 1]) / 42
    return [" ".join(rng.choice(words, 40, p=weights)) for _ in range(30)]


def plain_windows(texts, tokenizer, length):
    """Every window of whole words, as often as it occurs: all in memory, a text at a time."""
    found = []
    for text in texts:
        ids, begins = [], []
        for word in text.split(" "):
            begins.append(len(ids))
            ids += tokenizer.encode(word)
        begins.append(len(ids))
        found += [tuple(ids[b : b + length]) for b in begins[:-1] if b + length in begins]
    return found


def offered(sample, encoder, texts, batch):
    for some in batches(texts, batch):
        sample.add(encoder.encode(pa.array(some)))
    return [tuple(row) for row in sample.windows().tolist()]


def batches(texts, size):
    return [texts[i : i + size] for i in range(0, len(texts), size)]


def test_word_by_word_gives_the_tokens_of_whole_texts(tokenizer, texts, monkeypatch):
    for most in (10**6, 4):
        monkeypatch.setattr("textback.encoding.MOST_WORDS", most)
        encoder = WordEncoder(tokenizer)
        for some in batches(texts, 7):
            tokens = encoder.encode(pa.array(some))
            assert tokens.ids.tolist() == [i for ids in tokenizer.encode_batch(some) for i in ids]


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8])
def test_a_large_enough_sample_is_every_distinct_window(tokenizer, texts, length):
    sample = Sample(10**6, length, tokenizer.size, (0,))
    found = offered(sample, WordEncoder(tokenizer), texts, 7)
    assert len(set(found)) == len(found) == sample.distinct()
    assert set(found) == set(plain_windows(texts, tokenizer, length))
    assert sample.complete


def test_a_sample_depends_neither_on_order_nor_on_batches_nor_on_its_buffer(tokenizer, texts):
    encoder = WordEncoder(tokenizer)
    everything = offered(Sample(10**6, 3, tokenizer.size, (0,)), encoder, texts, 7)
    for order, batch in ((texts, 1), (texts[::-1], 5), (texts + texts[:9], 30)):
        sample = Sample(40, 3, tokenizer.size, (0,))
        assert offered(sample, encoder, order, batch) == everything[:40]
        assert not sample.complete
    other = offered(Sample(40, 3, tokenizer.size, (1,)), encoder, texts, 7)
    assert other != everything[:40]


def test_every_distinct_window_is_drawn_equally_often_however_often_it_occurs(tokenizer, texts):
    encoder = WordEncoder(tokenizer)
    windows = plain_windows(texts, tokenizer, 2)
    drawn = dict.fromkeys(windows, 0)
    size, draws = len(drawn) // 4, 400
    tokens = encoder.encode(pa.array(texts))
    for seed in range(draws):
        sample = Sample(size, 2, tokenizer.size, (seed,))
        sample.add(tokens)
        for row in sample.windows().tolist():
            drawn[tuple(row)] += 1
    counts = np.array(list(drawn.values()))
    assert counts.sum() == size * draws
    # Of a draw without replacement the counts vary by 1 - size / windows of a multinomial's.
    statistic = ((counts - counts.mean()) ** 2 / counts.mean()).sum() / (1 - size / len(drawn))
    free = len(drawn) - 1
    assert abs(statistic - free) < 3.5 * (2 * free) ** 0.5
    often = [windows.count(window) for window in drawn]
    assert abs(np.corrcoef(np.log(often), counts)[0, 1]) < 3.5 / free**0.5


def test_the_number_of_distinct_windows_is_estimated_from_a_sample(rng):
    tokenizer = Tokenizer.train([" ".join(LETTERS)] * 50, 300)
    text = " ".join(rng.choice(list(LETTERS), 60_000))
    sample = Sample(2_000, 5, tokenizer.size, (0,))
    sample.add(WordEncoder(tokenizer).encode(pa.array([text])))
    sample.windows()
    distinct = len(set(plain_windows([text], tokenizer, 5)))
    assert sample.distinct() == pytest.approx(distinct, rel=0.08)


@pytest.mark.parametrize("length", range(1, 12))
def test_a_windows_hash_depends_on_its_tokens_and_their_order_alone(rng, length):
    values = rng.integers(0, 2**64, 40, np.uint64)
    hashes = window_hashes(values, length)
    assert len(hashes) == 40 - length + 1
    assert hashes[7] == window_hashes(values[7 : 7 + length], length)[0]
    if length > 1:
        assert hashes[7] != window_hashes(values[7 : 7 + length][::-1], length)[0]


def test_a_sample_holds_little_more_than_it_keeps(tokenizer, rng):
    encoder = WordEncoder(tokenizer)
    sample = Sample(100, 4, tokenizer.size, (0,))
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    for _ in range(50):
        sample.add(encoder.encode(pa.array([" ".join(rng.choice(words, 60))])))
        assert sum(map(len, sample._windows)) <= 200


def test_no_window_spans_two_texts(tokenizer):
    tokens = WordEncoder(tokenizer).encode(pa.array(["one two", "three", "four five six"]))
    starts = whole_words(tokens, 2)
    found = {tokenizer.decode(tokens.ids[s : s + 2].tolist()) for s in starts}
    assert found == {"one two", "four five", "five six"}


@pytest.fixture
def stored(tmp_path, texts):
    frame = pd.DataFrame({"text": texts, "split": (["test", "validation"] + ["train"] * 4) * 5})
    frame.to_parquet(tmp_path / "documents.parquet", row_group_size=4)
    return tmp_path / "documents.parquet"


def test_a_sample_that_loses_too_many_is_drawn_larger(tokenizer, stored, monkeypatch):
    counts = PassageCounts(train=24, validation=2, test=2)
    plenty = draw_passages(stored, tokenizer, 3, counts)
    monkeypatch.setattr("textback.passages.CHUNK", 1)
    monkeypatch.setattr("textback.passages.SPARE", 1.0)
    calls = []
    monkeypatch.setattr("textback.passages.Sample", lambda *a: calls.append(a[0]) or Sample(*a))
    lost = set(map(tuple, plenty["train"][::3].tolist()))
    encode = Tokenizer.encode_batch

    def loses(self, texts):
        return [[0] if tuple(ids) in lost else ids for ids in encode(self, texts)]

    monkeypatch.setattr(Tokenizer, "encode_batch", loses)
    again = draw_passages(stored, tokenizer, 3, counts)["train"]
    assert len(calls) > 3 and len(again) == 24
    kept = [row for row in plenty["train"].tolist() if tuple(row) not in lost]
    assert again[: len(kept)].tolist() == kept


def test_a_tokenizer_that_changes_passages_is_named(tokenizer, stored, monkeypatch):
    encode = Tokenizer.encode_batch
    encoder = WordEncoder(tokenizer)
    monkeypatch.setattr("textback.passages.WordEncoder", lambda tokenizer: encoder)

    def spoils(self, texts):
        return [[0] if " " in text else encode(self, [text])[0] for text in texts]

    monkeypatch.setattr(Tokenizer, "encode_batch", spoils)
    with pytest.raises(TextbackError, match="passages change when decoded and encoded again"):
        draw_passages(stored, tokenizer, 3, PassageCounts(train=60, validation=5, test=5))


def test_a_tokenizer_whose_words_depend_on_their_place_is_refused():
    from tokenizers import Tokenizer as Bpe
    from tokenizers import decoders, models, pre_tokenizers, trainers

    bpe = Bpe(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(["a b"], trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    with pytest.raises(TextbackError, match="other tokens at the start of a text"):
        WordEncoder(Tokenizer(bpe))
