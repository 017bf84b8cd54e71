"""Files inside an installed Python package."""

from collections.abc import Iterator

from textback.config.corpora import Package
from textback.corpora.files import read_folder
from textback.packages import package_folder


def read(name: str, entry: Package) -> Iterator[tuple[str, str]]:
    """See `textback.corpora.read_rows`."""
    return read_folder(name, entry, package_folder(name, entry.package) / entry.folder)
