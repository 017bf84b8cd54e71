"""The folder of an installed Python package, for corpora and weights that ship inside one."""

from importlib.util import find_spec
from pathlib import Path

from textback.errors import TextbackError


def package_folder(name: str, package: str) -> Path:
    """The folder the package is installed in; the package itself is not imported.

    Raises TextbackError where it is not installed.
    """
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise TextbackError(
            f"'{name}': the Python package '{package}' is not installed: install it, e.g. "
            f"`uv pip install {package.replace('_', '-')}`"
        )
    return Path(spec.submodule_search_locations[0])
