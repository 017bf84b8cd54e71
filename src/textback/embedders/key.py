"""The key of an endpoint, read from the environment and written nowhere."""

import os

from textback.config.embedders import OpenAI
from textback.errors import TextbackError


def key_of(name: str, entry: OpenAI) -> str:
    """The key of an embedder's endpoint. Raises TextbackError where the environment has none."""
    key = os.environ.get(entry.key_variable, "")
    if not key:
        raise TextbackError(
            f"embedder '{name}': the environment variable {entry.key_variable} is not set: put the "
            "endpoint's key into it, or any word for a server that needs no key"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise TextbackError(
            f"embedder '{name}': the environment variable {entry.key_variable} holds a space, a "
            "line break or a letter that no key has: set it again"
        )
    return key
