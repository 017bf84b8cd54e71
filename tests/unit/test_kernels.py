"""The GPU's attention, in Triton's interpreter, which must be asked for before Triton is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")
INTERPRETED = {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}


def test_kernels_in_the_interpreter():
    tests = Path(__file__).with_name("kernels_interpreted.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(
        command, env={**os.environ, **INTERPRETED}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
