"""Take the versions and hashes of wheels.txt and large.txt from uv.lock, when that has changed.

    python workflow/airgapped/lock.py

The wheels are those of CPython 3.12 on Linux, x86-64, for glibc 2.28 or newer. Which packages a
file has is chosen by hand: see docs/air-gapped.md.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILES = (FOLDER / "wheels.txt", FOLDER / "large.txt")
LOCK = FOLDER.parents[1] / "uv.lock"
LINE = re.compile(r"([a-z0-9-]+)==\S+ --hash=\S+")
PYTHON = ("cp312", "abi3", "none")  # ABIs that CPython 3.12 loads
PLATFORM = re.compile(r"any|.*(manylinux2014|manylinux_2_17|manylinux_2_28)_x86_64.*")


def packages() -> dict[str, dict[str, Any]]:
    """The locked packages by name."""
    return {p["name"]: p for p in tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]}


def wheel(package: dict[str, Any]) -> dict[str, Any]:
    """The wheel of a package for that machine: of several, a compiled one."""
    fitting = [found for found in package["wheels"] if _fits(found["url"])]
    return min(fitting, key=lambda found: found["url"].endswith("-any.whl"))


def _fits(url: str) -> bool:
    python, abi, platform = url.removesuffix(".whl").split("-")[-3:]
    loads = abi in PYTHON and (abi != "cp312" or python == "cp312")
    generic = platform != "any" or "py3" in python.split(".")
    return loads and generic and PLATFORM.fullmatch(platform) is not None


def renewed(text: str) -> str:
    """A file's text with the versions and hashes of the lock."""
    locked = packages()

    def line(match: re.Match[str]) -> str:
        package = locked[match[1]]
        return f"{match[1]}=={package['version']} --hash={wheel(package)['hash']}"

    return LINE.sub(line, text)


def names(text: str) -> list[str]:
    """The packages of a file."""
    return [match[1] for match in map(LINE.fullmatch, text.splitlines()) if match]


if __name__ == "__main__":
    for file in FILES:
        file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
