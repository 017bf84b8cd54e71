"""Run `snakemake --lint` and fail on anything but its wish for a conda or container directive.

All rules share one environment (pyproject.toml, environment.yml), so they name none themselves.
"""

import subprocess
import sys
from pathlib import Path

WISH = "Specify a conda environment or container for each rule."


def complaints(output: str) -> list[str]:
    """The linter's complaints, without the wish; each begins with four spaces and a star."""
    found = [line.strip() for line in output.splitlines() if line.startswith("    * ")]
    return [line for line in found if WISH not in line]


if __name__ == "__main__":
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    done = subprocess.run(
        [snakemake, "--lint", "--workflow-profile", "none"], capture_output=True, text=True
    )
    bad = complaints(done.stdout + done.stderr)
    if bad or (done.returncode and WISH not in done.stdout + done.stderr):
        sys.exit(done.stdout + done.stderr)
