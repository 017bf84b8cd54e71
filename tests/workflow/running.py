"""Runs the real workflow in a temporary folder, on the study `tiny`, which takes a minute."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"


@dataclass(frozen=True)
class Workflow:
    """Snakemake in one working folder."""

    folder: Path

    def command(self, *arguments: str, config: Path = TINY) -> list[str]:
        base = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.folder)]
        return [tool("snakemake"), *base, "--configfile", str(config), "--cores", "2", *arguments]

    def run(self, *arguments: str, config: Path = TINY) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, config=config)
        return subprocess.run(
            command, capture_output=True, text=True, env=environment(), timeout=900
        )

    def start(self, *arguments: str, config: Path = TINY) -> subprocess.Popen:
        """The run in a process group of its own, so that a test can kill what it wants of it.

        Ctrl-C reaches it even where the tests run in the background, which ignores it. What it
        says is in the file `said`.
        """
        command = self.command(*arguments, config=config)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.said.open("w") as said:
            return subprocess.Popen(
                command,
                env=environment(),
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                stdout=subprocess.DEVNULL,
                stderr=said,
            )

    @property
    def said(self) -> Path:
        """What the last run that `start` began has said, if any."""
        return self.folder / "said.txt"

    def planned(self, *arguments: str, config: Path = TINY) -> dict[str, int]:
        """How many jobs of each rule a run would do."""
        done = self.run("--dry-run", *arguments, config=config)
        assert done.returncode == 0, done.stderr + done.stdout
        if "Nothing to be done" in done.stderr + done.stdout:
            return {}
        rows = (line.split() for line in (done.stderr + done.stdout).splitlines())
        in_stats = False
        jobs: dict[str, int] = {}
        for row in rows:
            if row[:2] == ["job", "count"]:
                in_stats = True
            elif in_stats and row[:1] == ["total"]:
                return jobs
            elif in_stats and len(row) == 2 and row[1].isdecimal():
                jobs[row[0]] = int(row[1])
        raise AssertionError(f"no table of jobs in {done.stderr + done.stdout}")

    def textback(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tool("textback"), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment(),
            timeout=300,
        )

    @property
    def study(self) -> Path:
        return self.folder / "results" / "studies" / "tiny"


def tool(name: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).with_name(name))


def environment() -> dict[str, str]:
    """This environment, without the switch that keeps Hugging Face's libraries off the network:
    the embedder's entry must do that."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    return kept | {"PATH": path, "COLUMNS": "200"}
