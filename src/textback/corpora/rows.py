"""The columns that a corpus reads of a row: the text, and the document if the entry names it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from textback.config import CorpusEntry
from textback.errors import TextbackError, unknown_name


class Columns:
    """The text column and the id column of a corpus. names: of both."""

    def __init__(self, name: str, entry: CorpusEntry) -> None:
        self._name, self._text, self._id = name, entry.text_column, entry.id_column
        self.names = [self._text] if self._id is None else [self._text, self._id]

    def check(self, columns: Collection[str], place: str) -> None:
        """Raise TextbackError unless the columns are there. place: where, for the message."""
        for key, column in zip(("text_column", "id_column"), self.names, strict=False):
            if column not in columns:
                known = [str(name) for name in columns]
                raise TextbackError(
                    f"corpus '{self._name}': {place}: {unknown_name(key, column, known)}"
                )

    def read(self, row: Mapping[str, Any], place: str, otherwise: str) -> Iterator[tuple[str, str]]:
        """Yield (document, text) of a row, none where its text is null.

        otherwise: the document's name where there is no id column, or nothing in it.

        Raises TextbackError where a column is missing or the text is something else.
        """
        self.check(row, place)
        text = row[self._text]
        if text is None:
            return
        if not isinstance(text, str):
            raise TextbackError(
                f"corpus '{self._name}': {place}: '{self._text}' is not a text but {text!r:.60}: "
                "name another text_column"
            )
        document = None if self._id is None else row[self._id]
        named = document not in (None, "") and document == document  # NaN: a column of numbers
        yield (str(document) if named else otherwise), text
