"""The words of a corpus: how often each occurs, and which are names."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from textback import specs
from textback.config import read_corpus, read_study_file
from textback.corpora import names_files
from textback.errors import TextbackError
from textback.steps.data import make_corpus
from textback.steps.words import make_words
from textback.words import count_cases, read_lexicon, sequences, words_of

CONFIG = Path(__file__).parents[2] / "config.yaml"
TEXTS = [
    "Yesterday the letter from Ada came. However, it was short.",
    "The letter of Ada Lopez, which Bill wrote, will come; will Ada answer? Perhaps.",
    "In 1851 the Will of old Lopez was read. HERE ENDS THE LETTER I'm sending, and I'm glad.",
    "A letter that Zenobia's friend wrote of 1,000.5 dollars.",
    "Nothing is said here of a bill. However it is said well, and however long.",
]


def test_words_are_bare_of_case_punctuation_and_possessive():
    text = "“The Nation’s debt” -- America's, not O'Brien's: $1,000.50 (or 7th-best), cafe\u0301."
    assert words_of(text) == [
        *("the", "nation", "debt", "america", "not", "o'brien", "1,000.50"),
        *("or", "7", "th", "best", "café"),
    ]


def test_names_are_what_is_capitalised_within_sentences():
    names = count_cases(TEXTS).names()
    assert names == {
        "ada",
        "lopez",
        "zenobia",
    }  # no However, HERE, I'm; not Bill nor Will, nor bill


def test_a_word_that_is_capitalised_nineteen_times_in_twenty_is_a_name():
    texts = ["we saw Grant"] * 19 + ["we grant"]
    assert count_cases(texts).names() == {"grant"}
    assert count_cases([*texts, "we grant"]).names() == set()


def test_a_sequence_is_found_as_often_as_it_stands():
    wanted = frozenset({("a", "b"), ("a", "b", "c")})
    assert Counter(sequences(["a", "b", "c", "a", "b"], wanted)) == {
        ("a", "b"): 2,
        ("a", "b", "c"): 1,
    }


def test_of_a_target_the_names_are_its_own_and_the_counts_those_trained_on(tmp_path):
    kinds = {"is_name": [True, False], "is_first": False, "is_last": False, "is_full": False}
    for name, words in (("trained", ["ada", "of"]), ("target", ["lopez", "of"])):
        frame = pd.DataFrame({"word": words, "count": [3, 7], **kinds})
        frame.to_parquet(tmp_path / f"{name}.parquet")
    lexicon = read_lexicon(tmp_path / "trained.parquet", tmp_path / "target.parquet")
    assert lexicon.names == {"lopez"}
    assert lexicon.counts == {"ada": 3, "of": 7}


@pytest.fixture
def make(tmp_path):
    """Write texts as a corpus, a document each, and return its table of words and its splits."""

    def build(texts=TEXTS, **settings):
        folder = tmp_path / "texts"
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / f"{number}.txt").write_text(text, encoding="utf-8")
        entry = read_corpus({"kind": "files", "folder": str(folder), **settings})
        spec = {"name": "own", "corpus": entry.model_dump()}
        documents, words = tmp_path / "documents.parquet", tmp_path / "words.parquet"
        make_corpus(spec, documents)
        make_words(spec, documents, words)
        return pd.read_parquet(words).set_index("word"), pd.read_parquet(documents)

    return build


@pytest.mark.parametrize("lowercase", [False, True])
def test_names_are_told_by_the_case_of_the_source_whatever_the_corpus_keeps(make, lowercase):
    words, documents = make(lowercase=lowercase)
    assert documents["text"].str.islower().all() == lowercase
    assert set(words.index[words["is_name"]]) == {"ada", "lopez", "zenobia"}


def test_counts_are_those_of_the_training_documents_alone(make):
    words, documents = make([f"common only{chr(97 + number)} word" for number in range(20)])
    expected = Counter(" ".join(documents.query("split == 'train'")["text"]).split())
    assert dict(words["count"]) == expected
    assert len(documents.query("split == 'test'")) > 0 and words.loc["common", "count"] == 17


def test_a_name_that_only_test_documents_have_is_a_name_that_was_never_seen(make, tmp_path):
    words, documents = make([f"here is Only{chr(97 + number)} again" for number in range(20)])
    (unseen, _) = documents.query("split == 'test'")["text"].str.split().str[2].str.lower()
    assert words.loc[unseen, "is_name"] and words.loc[unseen, "count"] == 0
    lexicon = read_lexicon(tmp_path / "words.parquet", tmp_path / "words.parquet")
    assert unseen in lexicon.names and lexicon.per_million(unseen) == 0
    assert lexicon.per_million("again") == pytest.approx(1e6 / 4)


def test_a_list_of_names_says_which_are_first_last_and_full(make, tmp_path):
    (tmp_path / "names.txt").write_text("Ada Maria Lopez\nWill Bill\n\nZenobia\n")
    words, _ = make(names=str(tmp_path / "names.txt"))
    kinds = {kind: set(words.index[words[kind]]) for kind in words.columns if kind != "count"}
    assert kinds == {
        "is_name": {"ada", "maria", "lopez", "bill", "zenobia"},  # the corpus writes will small
        "is_first": {"ada"},
        "is_last": {"lopez", "bill"},
        "is_full": {"ada maria lopez", "will bill"},
    }


def test_a_list_of_names_that_is_missing_or_empty_is_one_line(make, tmp_path):
    missing = read_corpus({"kind": "files", "folder": ".", "names": "nowhere.txt"})
    with pytest.raises(TextbackError, match="corpus 'own': names: file nowhere.txt does not exist"):
        names_files("own", missing)
    (tmp_path / "names.txt").write_text("\n--\n")
    with pytest.raises(TextbackError, match=r"names.txt has no name: write one a line"):
        make(names=str(tmp_path / "names.txt"))


def test_a_list_of_names_changes_no_step_but_words():
    study = read_study_file(CONFIG)
    corpora = study.corpora
    entry = corpora["state-of-the-union"].model_copy(update={"names": "names.txt"})
    listed = study.model_copy(update={"corpora": {**corpora, "state-of-the-union": entry}})
    name = "state-of-the-union"
    assert specs.corpus(study, name) == specs.corpus(listed, name)
    assert specs.words(study, name) != specs.words(listed, name)
