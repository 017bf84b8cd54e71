"""Retrieval sets in the layout of BEIR (Thakur et al. 2021).

corpus.jsonl       a document a line: _id, text, and a title or none
queries.jsonl      a query a line: _id, text
qrels/<split>.tsv  a judgement a line, under a header or none: query-id, corpus-id, score
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textback.errors import TextbackError, unknown_name
from textback.lines import read_json_line, read_lines


@dataclass(frozen=True)
class JudgedSet:
    """Texts by their id, in the order of the files, and what was judged.

    documents: title and text, where there is any; queries: those that the split judges;
    judgements: the score of document ids for each query id, above 0 where the document answers
    """

    documents: dict[str, str]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]


def set_files(folder: Path, split: str, source: str | None = None) -> tuple[Path, Path, Path]:
    """The set's documents, queries and judgements. source: where a user gets the folder.

    Raises TextbackError where one is missing.
    """
    if not folder.is_dir():
        way = f"get it from {source}" if source else "give a folder in the layout of BEIR"
        raise TextbackError(f"retrieval set {folder}: the folder does not exist: {way}")
    judged = folder / "qrels" / f"{split}.tsv"
    splits = [path.stem for path in folder.glob("qrels/*.tsv")]
    if splits and not judged.is_file():
        raise unknown_name(f"split of retrieval set {folder}", split, splits)
    files = (folder / "corpus.jsonl", folder / "queries.jsonl", judged)
    for path in files:
        if not path.is_file():
            raise TextbackError(
                f"retrieval set {folder}: has no {path.relative_to(folder)}: "
                "complete the folder, which has the layout of BEIR"
            )
    return files


def read_set(folder: Path, split: str, source: str | None = None) -> JudgedSet:
    """Read a folder. Raises TextbackError where a file is missing, broken or names no text."""
    corpus, asked, judged = set_files(folder, split, source)
    documents, queries, judgements = _texts(corpus), _texts(asked), _judgements(judged)
    for query, scores in judgements.items():
        _check_known(judged, "query", query, queries, asked)
        for document in scores:
            _check_known(judged, "document", document, documents, corpus)
        if not queries[query]:
            raise TextbackError(f"{asked}: query '{query}' has no text: complete it")
    kept = {query: text for query, text in queries.items() if query in judgements}
    told = {document: text for document, text in documents.items() if text}
    return JudgedSet(told, kept, judgements)


def _check_known(judged: Path, what: str, name: str, known: dict[str, str], file: Path) -> None:
    if name not in known:
        raise TextbackError(
            f"{judged}: judges {what} '{name}', which {file.name} does not have: "
            "take both files of one release"
        )


def _texts(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, line in _lines(path):
        try:
            entry = read_json_line(line)
            name, text, title = str(entry["_id"]), entry["text"], entry.get("title")
            texts_so_far = len(texts)
            texts[name] = f"{title} {text}".strip() if title else text.strip()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TextbackError(
                f"{path}, line {number}: is not a JSON object with '_id' and 'text': correct it"
            ) from None
        if len(texts) == texts_so_far:
            raise TextbackError(f"{path}, line {number}: '_id' {name} stands twice: remove one")
    if not any(texts.values()):
        raise TextbackError(f"{path}: holds no text: complete the file")
    return texts


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    judgements: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        try:
            query, document, score = line.rstrip("\r\n").split("\t")
            judgements.setdefault(query, {})[document] = int(score)
        except ValueError:
            if number == 1:  # the header
                continue
            raise TextbackError(
                f"{path}, line {number}: is not query-id, corpus-id and a whole score, apart by "
                "tabs: correct it"
            ) from None
    if not judgements:
        raise TextbackError(f"{path}: judges nothing below its header: complete the file")
    return judgements


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1."""
    try:
        yield from ((number, line) for number, line in read_lines(path, str(path)) if line.strip())
    except OSError as error:
        raise TextbackError(f"{path}: {error.strerror}") from None
