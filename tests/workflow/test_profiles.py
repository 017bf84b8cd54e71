"""The profile of a machine with a GPU, on one without."""

import pytest
import torch
from running import ROOT, Workflow

PROFILE = ROOT / "workflow" / "profiles" / "gpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("more", [[], ["--config", "device=cpu"]])
def test_no_gpu_where_the_profile_says_one_ends_in_one_line_before_anything_runs(tmp_path, more):
    done = Workflow(tmp_path).run("--workflow-profile", str(PROFILE), *more)
    lines = [line for line in done.stderr.splitlines() if "textback: error" in line]
    assert done.returncode != 0
    assert len(lines) == 1 and "this machine has no usable GPU" in lines[0]
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["lock"]
