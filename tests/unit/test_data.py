"""Corpora, tokenizer, passages: what goes into a study."""

import numpy as np
import pandas as pd
import pytest

from textback import documents as module
from textback.config import PassageCounts, Split, read_corpus
from textback.corpora import normalise
from textback.documents import read_texts, sample_texts, write_documents
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
    return read_corpus({"kind": "files", "folder": str(folder), **settings})


@pytest.fixture
def read(tmp_path):
    """The documents of a corpus, as they are written."""

    def read(entry, name="c"):
        path = tmp_path / "out" / "documents.parquet"
        write_documents(name, entry, path)
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        return pd.read_parquet(path)

    return read


@pytest.fixture
def stored(tmp_path):
    """The path of documents given as a table."""

    def store(frame):
        path = tmp_path / "stored.parquet"
        frame["characters"] = frame["text"].str.len().astype(np.int32)
        frame.to_parquet(path, row_group_size=5)
        return path

    return store


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


def test_every_document_is_in_one_split_by_the_shares_asked_for(folder, read):
    found = read(files(folder, split=Split(validation=0.2, test=0.3)))
    assert found["split"].value_counts().to_dict() == {"train": 5, "test": 3, "validation": 2}
    assert found["id"].is_unique
    assert found["text"][0] == "Document 0 of words"
    assert (found["characters"] == found["text"].str.len()).all()


def test_the_split_depends_on_the_seed_alone(folder, read, monkeypatch):
    split = [read(files(folder, split=Split(seed=s)))["split"] for s in (0, 0, 1)]
    assert split[0].equals(split[1]) and not split[0].equals(split[2])
    monkeypatch.setattr(module, "ROW_GROUP", 40)
    assert read(files(folder))["split"].equals(split[0])


def test_a_document_that_occurs_twice_is_kept_once(folder, read, monkeypatch):
    (folder / "copy.txt").write_text("Document 3 of words\n", encoding="utf-8")
    assert len(read(files(folder))) == 10
    monkeypatch.setattr(module, "ROW_GROUP", 1)
    assert len(read(files(folder))) == 10


def test_paragraphs_of_a_document_stay_in_its_split_and_each_is_kept_once(folder, read):
    for i in range(10):
        text = f"First of {i}\n\n\nSecond of {i},\nin two lines\n \nThe same everywhere"
        (folder / f"{i}.txt").write_text(text, encoding="utf-8")
    found = read(files(folder, paragraphs="blank-lines"))
    assert len(found) == 21
    assert list(found["text"][:3]) == [
        "First of 0",
        "Second of 0, in two lines",
        "The same everywhere",
    ]
    assert (found.groupby("id")["split"].nunique() == 1).all()
    assert found.drop_duplicates("id")["split"].value_counts().to_dict() == {
        "train": 8,
        "test": 1,
        "validation": 1,
    }
    assert len(read(files(folder, paragraphs="lines"))) == 10 + 10 + 2


def test_rows_of_one_document_stay_in_its_split_wherever_they_are(tmp_path, read):
    rows = [f'{{"article": {i % 7}, "text": "text number {i}"}}' for i in range(70)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    found = read(files(tmp_path, glob="*.jsonl", id_column="article"))
    assert len(found) == 70 and found["id"].nunique() == 7
    assert (found.groupby("id")["split"].nunique() == 1).all()
    assert found["split"].value_counts()["train"] == 50


def test_a_text_too_long_for_memory_is_cut_between_words(folder, read, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 50)
    for i in range(10):
        (folder / f"{i}.txt").write_text(f"{i} " + " ".join(f"word{i}-{j}" for j in range(60)))
    found = read(files(folder))
    assert found["characters"].max() <= 50
    for number, rows in found.groupby("id")["text"]:
        assert " ".join(rows) == (folder / number).read_text()


def test_texts_are_read_by_split_in_their_order(rng, stored):
    frame = documents(rng)
    for split, rows in frame.groupby("split"):
        found = [text for some in read_texts(stored(frame), split) for text in some.to_pylist()]
        assert found == list(rows["text"])


def test_the_tokenizer_learns_from_a_random_part_of_a_large_corpus_and_all_of_a_small(rng, stored):
    frame = documents(rng, count=104, words=20)

    def sample(characters, seed):
        some = sample_texts(stored(frame), "train", characters, seed)
        return {text for texts in some for text in texts.to_pylist()}

    train = set(frame["text"][:100])
    assert sample(10**9, 0) == train
    half = int(frame["characters"][:100].sum() / 2)
    assert sample(half, 0) == sample(half, 0) != sample(half, 1)
    assert sample(half, 0) < train
    assert half <= sum(map(len, sample(half, 0))) < half + 200
    assert 10 < len(sample(half, 0) & set(frame["text"][:50])) < 40


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: [p.unlink() for p in f.iterdir()], "has no file"),
        (lambda f: (f / "3.txt").write_bytes(b"good\n\xff\xfe"), "3.txt line 2 is not UTF-8"),
        (lambda f: [p.unlink() for p in list(f.iterdir())[2:]], "cannot be divided"),
        (lambda f: [p.write_text(" \n") for p in f.iterdir()], "no document has any text"),
    ],
)
def test_a_folder_that_cannot_be_a_corpus_is_named_in_one_line(folder, read, break_it, message):
    break_it(folder)
    with pytest.raises(TextbackError, match=message) as error:
        read(files(folder), "speeches")
    assert "'speeches'" in str(error.value) and "\n" not in str(error.value)
    assert not list(folder.parent.rglob("*undivided"))


def test_a_missing_folder_or_package_is_named(read):
    with pytest.raises(TextbackError, match="does not exist: correct the path$"):
        read(files("/no/such/folder"))
    with pytest.raises(TextbackError, match="or get the texts: from a friend$"):
        read(files("/no/such/folder", source="from a friend"))
    with pytest.raises(TextbackError, match="'no_such_package' is not installed"):
        read(read_corpus({"kind": "package", "package": "no_such_package"}))


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


def test_passages_have_the_length_and_survive_the_round_trip(tokenizer, rng, stored):
    counts = PassageCounts(train=50, validation=10, test=10)
    drawn = draw_passages(stored(documents(rng)), tokenizer, 4, counts)
    for split, ids in drawn.items():
        assert ids.shape == (getattr(counts, split), 4)
        for row in ids.tolist():
            assert tokenizer.encode(tokenizer.decode(row)) == row
            assert PAD not in row


def test_passages_are_whole_words_of_their_own_splits_documents(tokenizer, rng, stored):
    frame = documents(rng)
    drawn = draw_passages(
        stored(frame), tokenizer, 4, PassageCounts(train=50, validation=10, test=10)
    )
    for split, ids in drawn.items():
        texts = [f" {text} " for text in frame.loc[frame["split"] == split, "text"]]
        for row in ids.tolist():
            assert any(f" {tokenizer.decode(row)} " in text for text in texts)


def test_no_test_passage_is_in_another_split_even_of_equal_documents(tokenizer, rng, stored):
    frame = documents(rng)
    frame["text"] = frame["text"][0]
    drawn = draw_passages(
        stored(frame), tokenizer, 4, PassageCounts(train=400, validation=20, test=20)
    )
    sets = {split: {tuple(row) for row in ids.tolist()} for split, ids in drawn.items()}
    assert not sets["test"] & sets["train"]
    assert not sets["test"] & sets["validation"]
    assert not sets["validation"] & sets["train"]
    assert all(len(sets[split]) == len(drawn[split]) for split in sets)


def test_windows_by_hand(tokenizer, stored):
    frame = pd.DataFrame(
        {
            "id": list("abc"),
            "text": ["one two three", "four five six", "seven eight nine ten"],
            "split": ["test", "validation", "train"],
        }
    )
    drawn = draw_passages(stored(frame), tokenizer, 3, PassageCounts(train=9, validation=1, test=1))
    found = {tokenizer.decode(row) for row in drawn["train"].tolist()}
    assert found == {"seven eight nine", "eight nine ten"}


def test_no_passage_begins_or_ends_within_a_word(tokenizer, stored):
    frame = pd.DataFrame(
        {
            "id": list("abc"),
            "text": ["one two", "three four", "five? six seven"],
            "split": ["test", "validation", "train"],
        }
    )
    assert len(tokenizer.encode("five?")) == 2
    drawn = draw_passages(stored(frame), tokenizer, 1, PassageCounts(train=9, validation=1, test=1))
    assert {tokenizer.decode(row) for row in drawn["train"].tolist()} == {"six", "seven"}


def test_a_length_no_document_reaches_is_an_error(tokenizer, rng, stored):
    with pytest.raises(TextbackError, match="length 500"):
        draw_passages(stored(documents(rng)), tokenizer, 500, PassageCounts())


def test_too_few_test_passages_are_an_error_and_too_few_for_training_are_not(
    tokenizer, rng, stored
):
    with pytest.raises(TextbackError, match="of 9999 test passages"):
        draw_passages(stored(documents(rng)), tokenizer, 4, PassageCounts(test=9999))
    drawn = draw_passages(
        stored(documents(rng)), tokenizer, 4, PassageCounts(train=10**6, validation=10, test=10)
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
