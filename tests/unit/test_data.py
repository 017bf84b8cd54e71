"""Corpora, tokenizer, passages: what goes into a study."""

import numpy as np
import pandas as pd
import pytest

from textback.config import Corpus, PassageCounts, Split
from textback.corpora import normalise, read_documents
from textback.errors import TextbackError
from textback.passages import draw_passages, read_passages, write_passages
from textback.tokenizer import PAD, Tokenizer

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@pytest.fixture
def folder(tmp_path):
    for i in range(10):
        (tmp_path / f"{i}.txt").write_text(f"Document {i}\n\nof   words", encoding="utf-8")
    return tmp_path


def files(folder, **settings):
    return Corpus(kind="files", folder=str(folder), **settings)


def documents(rng, count=12, words=200):
    return pd.DataFrame(
        {
            "id": [str(i) for i in range(count)],
            "text": [" ".join(rng.choice(WORDS, words)) for _ in range(count)],
            "split": ["train"] * (count - 4) + ["validation"] * 2 + ["test"] * 2,
        }
    )


def test_normalise_joins_accents_and_white_space():
    assert normalise("  Cafe\u0301\n\tNoir ", lowercase=True) == "café noir"


def test_every_document_is_in_one_split_by_the_shares_asked_for(folder):
    found = read_documents("c", files(folder, split=Split(validation=0.2, test=0.3)))
    assert found["split"].value_counts().to_dict() == {"train": 5, "test": 3, "validation": 2}
    assert found["id"].is_unique
    assert found["text"][0] == "Document 0 of words"


def test_the_split_depends_on_the_seed_alone(folder):
    split = [read_documents("c", files(folder, split=Split(seed=s)))["split"] for s in (0, 0, 1)]
    assert split[0].equals(split[1]) and not split[0].equals(split[2])


def test_a_document_that_occurs_twice_is_kept_once(folder):
    (folder / "copy.txt").write_text("Document 3 of words\n", encoding="utf-8")
    assert len(read_documents("c", files(folder))) == 10


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: [p.unlink() for p in f.iterdir()], "has no file"),
        (lambda f: (f / "3.txt").write_bytes(b"\xff\xfe"), "not UTF-8"),
        (lambda f: [p.unlink() for p in list(f.iterdir())[2:]], "cannot be divided"),
        (lambda f: [p.write_text(" \n") for p in f.iterdir()], "no file has any text"),
    ],
)
def test_a_folder_that_cannot_be_a_corpus_is_named_in_one_line(folder, break_it, message):
    break_it(folder)
    with pytest.raises(TextbackError, match=message) as error:
        read_documents("speeches", files(folder))
    assert "'speeches'" in str(error.value) and "\n" not in str(error.value)


def test_a_missing_folder_or_package_is_named():
    with pytest.raises(TextbackError, match="does not exist"):
        read_documents("c", files("/no/such/folder"))
    with pytest.raises(TextbackError, match="'no_such_package' is not installed"):
        read_documents("c", Corpus(kind="package", package="no_such_package"))


def test_decoding_inverts_encoding_for_any_text(tokenizer, rng):
    for text in ("one two", "ünïcödé ☃ two", "one,two. (three)", "x" * 50):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_word_has_the_same_tokens_wherever_it_stands(tokenizer):
    assert tokenizer.encode("two one") == tokenizer.encode("two") + tokenizer.encode("one")


def test_the_tokenizer_has_the_vocabulary_asked_for_and_is_loaded_as_saved(tmp_path):
    texts = [f"{a}{b} " * 3 for a in WORDS for b in WORDS]
    trained = Tokenizer.train(texts, 300)
    trained.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.size == trained.size == 300
    assert loaded.encode(texts[0]) == trained.encode(texts[0])


def test_a_broken_tokenizer_file_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(TextbackError, match="tokenizer.json"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_passages_have_the_length_and_survive_the_round_trip(tokenizer, rng):
    counts = PassageCounts(train=50, validation=10, test=10)
    drawn = draw_passages(documents(rng), tokenizer, 4, counts)
    for split, ids in drawn.items():
        assert ids.shape == (getattr(counts, split), 4)
        for row in ids.tolist():
            assert tokenizer.encode(tokenizer.decode(row)) == row
            assert PAD not in row


def test_passages_are_whole_words_of_their_own_splits_documents(tokenizer, rng):
    frame = documents(rng)
    drawn = draw_passages(frame, tokenizer, 4, PassageCounts(train=50, validation=10, test=10))
    for split, ids in drawn.items():
        texts = [f" {text} " for text in frame.loc[frame["split"] == split, "text"]]
        for row in ids.tolist():
            assert any(f" {tokenizer.decode(row)} " in text for text in texts)


def test_no_test_passage_is_in_another_split_even_of_equal_documents(tokenizer, rng):
    frame = documents(rng)
    frame["text"] = frame["text"][0]
    drawn = draw_passages(frame, tokenizer, 4, PassageCounts(train=400, validation=20, test=20))
    sets = {split: {tuple(row) for row in ids.tolist()} for split, ids in drawn.items()}
    assert not sets["test"] & sets["train"]
    assert not sets["test"] & sets["validation"]
    assert not sets["validation"] & sets["train"]
    assert all(len(sets[split]) == len(drawn[split]) for split in sets)


def test_windows_by_hand(tokenizer):
    frame = pd.DataFrame(
        {
            "id": list("abc"),
            "text": ["one two three", "four five six", "seven eight nine ten"],
            "split": ["test", "validation", "train"],
        }
    )
    drawn = draw_passages(frame, tokenizer, 3, PassageCounts(train=9, validation=1, test=1))
    found = {tokenizer.decode(row) for row in drawn["train"].tolist()}
    assert found == {"seven eight nine", "eight nine ten"}


def test_no_passage_begins_or_ends_within_a_word(tokenizer):
    frame = pd.DataFrame(
        {
            "id": list("abc"),
            "text": ["one two", "three four", "five? six seven"],
            "split": ["test", "validation", "train"],
        }
    )
    assert len(tokenizer.encode("five?")) == 2
    drawn = draw_passages(frame, tokenizer, 1, PassageCounts(train=9, validation=1, test=1))
    assert {tokenizer.decode(row) for row in drawn["train"].tolist()} == {"six", "seven"}


def test_a_length_no_document_reaches_is_an_error(tokenizer, rng):
    with pytest.raises(TextbackError, match="length 500"):
        draw_passages(documents(rng), tokenizer, 500, PassageCounts())


def test_too_few_test_passages_are_an_error_and_too_few_for_training_are_not(tokenizer, rng):
    with pytest.raises(TextbackError, match="of 9999 test passages"):
        draw_passages(documents(rng), tokenizer, 4, PassageCounts(test=9999))
    drawn = draw_passages(
        documents(rng), tokenizer, 4, PassageCounts(train=10**6, validation=10, test=10)
    )
    assert 100 < len(drawn["train"]) < 10**6


def test_passages_are_read_as_written(tokenizer, tmp_path):
    ids = np.array([tokenizer.encode("one two three"), tokenizer.encode("six ten one")], np.uint16)
    write_passages(tmp_path / "test.parquet", ids, tokenizer)
    again, texts = read_passages(tmp_path / "test.parquet")
    assert (again == ids).all() and again.dtype == np.uint16
    assert texts == ["one two three", "six ten one"]


def test_a_truncated_passages_file_is_named(tokenizer, tmp_path):
    path = tmp_path / "test.parquet"
    write_passages(path, np.array([tokenizer.encode("one two three")], np.uint16), tokenizer)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TextbackError, match=r"test\.parquet"):
        read_passages(path)
