"""Installed Python packages: those that ship corpora and weights, and those that are optional."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

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


def optional_module(what: str, module: str, extra: str) -> ModuleType:
    """A module that only some users need, of an optional extra of this package.

    Raises TextbackError where it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise TextbackError(
            f"{what}: the Python package of '{module}' is not installed: run "
            f"`uv sync --extra {extra}` in the project, or `uv pip install 'textback[{extra}]'`"
        ) from None
