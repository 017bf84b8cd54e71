"""vec2text's side of a comparison: one process of its own environment, job after job.

options: those of `compare.py`
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from turns import LOCK

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """A run of `reference.py`: its sub-command and arguments.

    after: a file that has to be there first, or None
    """

    words: tuple[object, ...]
    after: Path | None = None


class Vec2text:
    """Jobs that are done one after another, while textback's own side works.

    What they measure they measure when it is their turn. On a GPU that is their training and search
    alone; on a CPU, whose cores both share, all of a job.
    """

    def __init__(self, options: argparse.Namespace, jobs: Sequence[Job]) -> None:
        self._jobs, self._folder = list(jobs), tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self._outputs = [folder / f"{number}.json" for number in range(len(jobs))]
        given = [
            {
                "words": [*map(str, job.words), *_everywhere(options, output)],
                "after": None if job.after is None else str(job.after),
            }
            for job, output in zip(jobs, self._outputs, strict=True)
        ]
        (folder / "jobs.json").write_text(json.dumps(given), encoding="utf-8")
        words = [options.python, HERE / "reference.py", "jobs", "--file", folder / "jobs.json"]
        words += ["--device", options.device, "--threads", options.threads]
        self._log = folder / "log"
        with open(self._log, "w") as log:
            environment = {**os.environ, LOCK: str(folder / "turn")}
            environment.pop("PYTHONPATH", None)
            try:
                self._process = subprocess.Popen(
                    [str(word) for word in words], stdout=log, stderr=log, env=environment
                )
            except OSError as error:
                raise SystemExit(
                    f"{options.python}: {error.strerror}: make vec2text's environment "
                    "(benchmarks/README.md)"
                ) from None
        self._ready = folder / "ready" if options.device == "cpu" else None

    def __enter__(self) -> "Vec2text":
        os.environ[LOCK] = str(Path(self._folder.name) / "turn")
        if self._ready is not None:
            self._wait_for(self._ready)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        del os.environ[LOCK]
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def has(self, jobs: Sequence[Job]) -> bool:
        """Whether all of these are done. Ends the program where vec2text has failed."""
        self._check()
        return all(self._output(job).exists() for job in jobs)

    def result(self, job: Job) -> dict[str, Any]:
        """What a job measured, with the texts of its `decodes`; waits for it."""
        output = self._output(job)
        self._wait_for(output)
        found = json.loads(output.read_text(encoding="utf-8"))
        for decoded in found.get("decodes", []):
            lines = Path(decoded["file"]).read_text(encoding="utf-8")
            decoded["texts"] = lines.removesuffix("\n").split("\n")
        return found

    def _output(self, job: Job) -> Path:
        (number,) = (i for i, other in enumerate(self._jobs) if other is job)
        return self._outputs[number]

    def _wait_for(self, file: Path) -> None:
        while not file.exists():
            self._check()
            time.sleep(0.05)

    def _check(self) -> None:
        if self._process.poll():
            log = self._log.read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"vec2text failed:\n{log[-2000:]}")


def _everywhere(options: argparse.Namespace, output: Path) -> list[str]:
    """Arguments of all its runs."""
    words = ("--folder", options.folder.resolve(), "--output", output)
    words += ("--device", options.device, "--threads", options.threads)
    return [str(word) for word in words]
