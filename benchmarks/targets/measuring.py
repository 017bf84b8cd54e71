"""Runs a job's commands, keeps what they say, and reads what they found."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rows import Job, Setup

ROOT = Path(__file__).parents[2]


def claim(setup: Setup) -> str | None:
    """Make the output folder this setup's; why it cannot be, where it is another's."""
    file = setup.output / "setup.json"
    mine = {"device": setup.device, "toy": setup.toy}
    setup.output.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text(json.dumps(mine) + "\n", encoding="utf-8")
    theirs = json.loads(file.read_text(encoding="utf-8"))
    return (
        None if theirs == mine else f"{setup.output} has results of {theirs}: name another folder"
    )


def run(job: Job, setup: Setup) -> str | None:
    """Run a job to its end; what went wrong, if something did.

    Its result is what its last command wrote, or else the seconds that it took.
    """
    ended, log = result_file(job, setup), setup.output / f"{job.name}.log"
    out = ended.with_suffix(".part")  # cut off, it is no result
    began = time.perf_counter()
    with open(log, "w", encoding="utf-8") as file:
        for command in job.commands(setup, out):
            print("$", shlex.join(command), file=file, flush=True)
            code = _run(command, file)
            if code:
                out.unlink(missing_ok=True)
                return f"failed (exit {code}): {_last_line(log)}; see {log.name}"
    if not out.exists():
        seconds = {"seconds": round(time.perf_counter() - began, 1)}
        out.write_text(json.dumps(seconds) + "\n", encoding="utf-8")
    out.replace(ended)
    return None


def result(job: Job, setup: Setup) -> dict[str, Any] | None:
    """What a job found, if it has ended well."""
    file = result_file(job, setup)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def result_file(job: Job, setup: Setup) -> Path:
    """Where a job's result is."""
    return setup.output / f"{job.name}.json"


def _run(command: list[str], log: Any) -> int:
    """A command's exit status: with this Python's programs, this repository's code, and no hub."""
    paths = (str(Path(sys.executable).parent), os.environ["PATH"])
    code = filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH")))
    here = {
        "PATH": os.pathsep.join(paths),
        "PYTHONPATH": os.pathsep.join(code),
        "HF_HUB_OFFLINE": "1",
    }
    if command[0] == "python":  # which not every system has under that name
        command = [sys.executable, *command[1:]]
    try:
        done = subprocess.run(command, stdout=log, stderr=log, env={**os.environ, **here})
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=log)
        return 127
    return done.returncode


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
