"""The GPU's attention without a GPU: in Triton's interpreter, and compiled.

The interpreter must be asked for before Triton is loaded, so it has a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")
ASTSource = pytest.importorskip("triton.compiler").ASTSource
GPUTarget = pytest.importorskip("triton.backends.compiler").GPUTarget
kernels = pytest.importorskip("textback.inverter.backbones.kernels")
INTERPRETED = {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}


def test_kernels_in_the_interpreter():
    tests = Path(__file__).with_name("kernels_interpreted.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(
        command, env={**os.environ, **INTERPRETED}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "passed" in done.stdout


@pytest.mark.parametrize(("dtype", "size"), [("bf16", 2), ("fp32", 4)])
@pytest.mark.parametrize("bias", [False, True])
def test_kernels_compile_for_an_h100_without_one(dtype, size, bias):
    """The interpreter takes what the compiler does not, such as a name for two types in a loop."""
    tensors = ("query", "keys", "values", "read_keys", "read_values", "bias", "mixed")
    constants = {
        **{"head_dim": 64, "padded_dim": 64, "has_bias": bias},
        **{"has_prefix": not bias, "shared_together": kernels.shared_together(64, size)},
        **{"beams_together": kernels.BEAMS, "tokens_together": kernels.TOKENS},
    }
    names = kernels._attend.arg_names
    kinds = {"slots": "*i32", "index": "*i64"} | dict.fromkeys(tensors, f"*{dtype}")
    signature = {name: kinds.get(name, "i32") for name in names}
    signature |= dict.fromkeys(constants, "constexpr")
    aligned = {(i,): [["tt.divisibility", 16]] for i, n in enumerate(names) if n in kinds}
    values = {(names.index(name),): value for name, value in constants.items()}
    source = ASTSource(kernels._attend, signature=signature, constexprs=values, attrs=aligned)
    hopper = GPUTarget("cuda", 90, 32)
    built = triton.compile(source, target=hopper, options={"num_warps": kernels.WARPS})
    assert ".entry _attend" in built.asm["ptx"] and built.asm["cubin"]
