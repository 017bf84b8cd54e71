"""Where documents come from: files of every format, packages, datasets; and what is wrong with them."""

import gzip
import json
import subprocess
import sys
import time

import datasets
import huggingface_hub
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from textback import hub as hubs
from textback.config import read_corpus
from textback.corpora import own_files, read_rows
from textback.errors import TextbackError

ROWS = [{"key": "a", "text": "first"}, {"key": "b", "text": 'second,\n"quoted" ü'}]
FRAME = pd.DataFrame(ROWS)


def write_jsonl(path):
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n", encoding="utf-8")


def write_gz(path):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, ROWS)))


WRITERS = {
    "rows.jsonl": write_jsonl,
    "rows.jsonl.gz": write_gz,
    "rows.csv": lambda path: FRAME.to_csv(path, index=False, encoding="utf-8-sig"),
    "rows.tsv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "rows.csv.gz": lambda path: FRAME.to_csv(path, index=False),
    "rows.parquet": lambda path: FRAME.to_parquet(path, row_group_size=1),
}


def files(folder, **settings):
    return read_corpus({"kind": "files", "folder": str(folder), "glob": "*", **settings})


def hub(dataset, **settings):
    return read_corpus({"kind": "huggingface", "dataset": str(dataset), **settings})


def read(entry):
    return list(read_rows("own", entry))


def error_of(entry):
    with pytest.raises(TextbackError) as error:
        read(entry)
    message = str(error.value)
    assert message.startswith("corpus 'own': ") and "\n" not in message
    return message


@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_read_from_every_format(tmp_path, name):
    WRITERS[name](tmp_path / name)
    found = read(files(tmp_path))
    assert [text for _, text in found] == [row["text"] for row in ROWS]
    assert len({document for document, _ in found}) == 2
    assert all(document.startswith(f"{name}:") for document, _ in found)
    assert read(files(tmp_path, id_column="key")) == [(r["key"], r["text"]) for r in ROWS]
    assert [text for _, text in read(files(tmp_path, text_column="key"))] == ["a", "b"]
    assert len(read(files(tmp_path, limit=1))) == 1


def test_any_other_file_is_one_document_of_plain_text(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "note.md").write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    with gzip.open(tmp_path / "z.txt.gz", "wt") as file:
        file.write("three")
    assert read(files(tmp_path, glob="**/*")) == [
        ("below/note.md", "one\r\ntwo"),
        ("z.txt.gz", "three"),
    ]


def test_rows_without_a_text_are_left_out(tmp_path):
    rows = [{"text": "one"}, {"text": None}, {"text": "two"}]
    Dataset.from_list(rows).to_parquet(tmp_path / "rows.parquet")
    assert [text for _, text in read(files(tmp_path, glob="*.parquet"))] == ["one", "two"]
    Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    assert read(hub(tmp_path / "saved")) == [("1", "one"), ("3", "two")]


@pytest.mark.parametrize("name", WRITERS)
def test_a_column_that_does_not_exist_is_named_with_the_nearest(tmp_path, name):
    WRITERS[name](tmp_path / name)
    message = error_of(files(tmp_path, text_column="texts"))
    assert name in message and "unknown text_column 'texts': did you mean 'text'?" in message
    message = error_of(files(tmp_path, id_column="keys"))
    assert "unknown id_column 'keys': did you mean 'key'? (known: key, text)" in message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "one"}\n{"text": "tw', "a.jsonl line 2 is not JSON"),
        ("a.jsonl", b'{"text": "one"}\n\n["two"]\n', "a.jsonl line 3 is no object"),
        ("a.jsonl", b'{"text": "one"}\n{"txt": "two"}\n', "a.jsonl line 2: unknown text_column"),
        (
            "a.jsonl",
            b'{"text": "one"}\n{"text": 2}\n',
            "a.jsonl line 2: 'text' is not a text but 2",
        ),
        ("a.jsonl", b'{"text": "one"}\n{"text": "\xff"}', "a.jsonl line 2 is not UTF-8"),
        ("a.csv", b"text\none\n\xff\n", "a.csv line 3 is not UTF-8"),
        ("a.csv", b'id,text\n1,one\n2,"two\n3,three\n4,four\n', "a.csv line 3: the row that begins here"),
        ("a.csv", b'text\n"one" two\n', "a.csv line 2: the row that begins here"),
        ("a.csv", b"id,text\n1,one\n2\n", "a.csv line 3 has 1 fields instead of 2"),
        ("a.csv", b"id,text\n1,one, two\n", "a.csv line 2 has 3 fields instead of 2"),
        ("a.txt", b"one\n\xff\n", "a.txt line 2 is not UTF-8"),
        ("a.parquet", b"PAR1 and no more", "a.parquet cannot be read"),
        ("a.parquet", b"", "a.parquet cannot be read"),
        ("a.jsonl.gz", b"not compressed", "a.jsonl.gz cannot be read"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "one"}')[:-9], "a.jsonl.gz cannot be read"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert said in error_of(files(tmp_path))


@pytest.mark.parametrize("glob", ["/tmp/*", "", "*.txt/", "a/**b", "~"])
def test_a_glob_that_is_no_pattern_below_the_folder_is_named(tmp_path, glob):
    assert f"'{glob}'" in error_of(files(tmp_path, glob=glob))


def test_half_characters_of_a_json_dump_are_replaced_and_whole_ones_kept(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        r'{"key": "\udfff", "text": "one \uD800 two \ud83d\ude00 \\ud800"}' + "\n"
    )
    entry = files(tmp_path, id_column="key")
    assert read(entry) == [("\ufffd", "one \ufffd two \U0001f600 \\ud800")]


def test_rows_without_an_id_are_documents_of_their_own(tmp_path):
    rows = [{"key": key, "text": text} for key, text in [(7, "a"), (None, "b"), (None, "c")]]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")  # 7.0 and NaN
    (tmp_path / "rows.csv").write_text("key,text\n7,a\n,b\n,c\n")
    for name in ("rows.jsonl", "rows.parquet", "rows.csv"):
        documents = [document for document, _ in read(files(tmp_path, glob=name, id_column="key"))]
        assert len(set(documents)) == 3 and documents[0] in ("7", "7.0")
    Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    assert read(hub(tmp_path / "saved", id_column="key")) == [("7", "a"), ("2", "b"), ("3", "c")]


def test_a_long_field_of_a_csv_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "word " * 100_000 + "\n")
    assert len(read(files(tmp_path))[0][1]) == 500_000


def test_a_parquet_file_is_read_a_part_at_a_time(tmp_path):
    texts = [f"{i} " + "x" * 3_000 for i in range(30_000)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    del texts
    rows = read_rows("own", files(tmp_path))
    before = pa.total_allocated_bytes()
    for _ in rows:
        assert pa.total_allocated_bytes() - before < 20_000_000  # of 90 MB of text


@pytest.fixture
def saved(tmp_path):
    """A dataset of two splits, as save_to_disk writes it."""
    splits = {"train": Dataset.from_list(ROWS), "dev": Dataset.from_list(ROWS[:1])}
    DatasetDict(splits).save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


def test_a_saved_dataset_is_read_from_its_folder(saved):
    assert read(hub(saved)) == [("1", "first"), ("2", ROWS[1]["text"])]
    assert read(hub(saved, hub_split="dev", id_column="key")) == [("a", "first")]
    assert read(hub(saved / "train", limit=1)) == [("1", "first")]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_datasets_own_files_are_read_from_a_folder(tmp_path, streaming):
    (tmp_path / "own" / "data").mkdir(parents=True)
    FRAME.to_parquet(tmp_path / "own" / "data" / "train-00000.parquet")
    entry = {"streaming": streaming, "id_column": "key"}
    assert read(hub(tmp_path / "own", **entry)) == [(r["key"], r["text"]) for r in ROWS]
    message = error_of(hub(tmp_path / "own", text_column="texts", **entry))
    assert "did you mean 'text'? (known: key, text)" in message


def test_what_a_dataset_does_not_have_is_named(saved):
    assert "unknown hub_split 'train2': did you mean 'train'?" in error_of(
        hub(saved, hub_split="train2")
    )
    assert "did you mean 'text'?" in error_of(hub(saved, text_column="txt"))
    Dataset.from_list([{"text": 3}, {"text": 4}]).save_to_disk(saved.parent / "numbers")
    assert "numbers row 1: 'text' is not a text but 3" in error_of(hub(saved.parent / "numbers"))
    (saved / "train" / "data-00000-of-00001.arrow").write_bytes(b"broken")
    assert "cannot be read" in error_of(hub(saved))


@pytest.mark.parametrize(
    "ignored", [{"hub_split": "tset"}, {"name": "a"}, {"revision": "b"}, {"streaming": True}]
)
def test_a_key_that_a_saved_dataset_would_ignore_is_refused(saved, ignored):
    (key,) = ignored
    assert f"leave '{key}' out" in error_of(hub(saved / "train", **ignored))
    if key != "hub_split":
        assert f"leave '{key}' out" in error_of(hub(saved, **ignored))


def test_an_unreachable_hub_is_named_at_once_with_the_ways_around_it(monkeypatch):
    monkeypatch.setattr(hubs, "reachable", lambda: False)
    for library in (datasets.config, huggingface_hub.constants):  # it is down, not forbidden
        monkeypatch.setattr(library, "HF_HUB_OFFLINE", False)
    began = time.monotonic()
    for streaming in (False, True):
        message = error_of(hub("some-owner/some-texts", streaming=streaming))
        for said in (
            "README.md of some-owner/some-texts is not on this machine",
            "the hub cannot be reached",
            "`hf download --repo-type dataset some-owner/some-texts --local-dir FOLDER`",
            "set HF_HOME",
        ):
            assert said in message
    assert time.monotonic() - began < 5


def test_a_dataset_that_is_no_folder_and_no_hub_id_is_named(tmp_path):
    assert "cannot be read" in error_of(hub(tmp_path / "nowhere"))


def test_a_users_own_files_are_known_to_the_workflow(saved, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    assert own_files("own", files(tmp_path, glob="*.txt")) == [tmp_path / "a.txt"]
    assert saved / "train" / "state.json" in own_files("own", hub(saved))
    assert own_files("own", hub("some-owner/some-texts")) == []
    with pytest.raises(TextbackError, match="or get the texts: by post$"):
        own_files("own", files(tmp_path / "none", source="by\n post"))


def test_the_datasets_library_is_not_loaded_for_other_kinds():
    code = "import sys, textback.steps.data; assert 'datasets' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
