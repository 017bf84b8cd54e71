"""Two processes that train one model together equal one that trains it alone.

Two processes with gloo on the CPU, started by torchrun; see `two_processes.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from two_processes import MUON, PLAIN, train

from textback.errors import TextbackError
from textback.inverter import parallel

TOLERANCE = 1e-5  # of a weight: two processes add up in another order
MUONS_TOLERANCE = 1e-3  # it makes matrices orthogonal in bf16


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The folder with what two processes wrote."""
    folder = tmp_path_factory.mktemp("parallel")
    torchrun = Path(sys.executable).with_name("torchrun")
    script = Path(__file__).with_name("two_processes.py")
    finished = subprocess.run(
        [torchrun, "--standalone", "--nproc-per-node", "2", script, folder],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=180,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return folder


def weights(folder, name, process=0):
    return load_file(folder / f"{name}-{process}.safetensors")


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("name", "kind", "tolerance"),
    [
        ("plain", {}, TOLERANCE),
        ("parts", {}, TOLERANCE),
        ("corrector", {"budget": MUON, "ways": 3}, MUONS_TOLERANCE),
    ],
)
def test_two_processes_end_in_the_weights_and_history_of_one(
    name, kind, tolerance, together, tmp_path, fp32
):
    model, history = train(PLAIN, tmp_path, **kind)
    expected = model.state_dict()
    for weight, found in weights(together, name).items():
        assert torch.allclose(found, expected[weight], rtol=0, atol=tolerance), weight
    rows = json.loads((together / f"{name}.json").read_text())
    assert len(rows) == len(history) == 10
    for row, wanted in zip(rows, history, strict=True):
        assert row == pytest.approx(wanted, rel=tolerance)


@pytest.mark.parametrize("name", ["plain", "dropout", "parts", "corrector"])
def test_both_processes_hold_the_same_weights(together, name):
    assert same(weights(together, name, 0), weights(together, name, 1))


def test_each_process_draws_random_numbers_of_its_own(together):
    one, other = ((together / f"dropout-{process}.drawn").read_text() for process in range(2))
    assert one != other


@pytest.mark.parametrize("name", ["plain", "dropout"])
def test_processes_of_which_one_is_told_to_stop_stop_together(together, name):
    codes = [(together / f"{name}-{process}.stop").read_text() for process in range(2)]
    assert codes == ["143", "143"]


@pytest.mark.parametrize("name", ["plain", "dropout"])
def test_stopped_processes_go_on_to_the_same_weights_and_history(together, name):
    assert same(weights(together, f"{name}-resumed"), weights(together, name))
    whole, resumed = (together / f"{name}{part}.json" for part in ("", "-resumed"))
    assert json.loads(resumed.read_text()) == json.loads(whole.read_text())


def test_a_batch_that_cannot_be_shared_is_one_line_in_every_process(together):
    lines = [(together / f"odd-{process}.error").read_text() for process in range(2)]
    assert lines == ["batch 33: cannot be shared by 2 processes: make it a multiple"] * 2


def test_more_gpus_than_there_are_is_one_line(monkeypatch):
    for name, value in (("WORLD_SIZE", "2"), ("LOCAL_WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(TextbackError, match="gpus: 2 asked for, but this machine has 1: lower"):
        with parallel.joined("cuda"):
            pass


def test_one_process_alone_has_the_whole_batch_and_waits_for_nobody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with parallel.joined("cpu") as device:
        parallel.wait_for_all()
        assert device == "cpu" and (parallel.world(), parallel.rank()) == (1, 0)
        assert parallel.share(torch.arange(5)).tolist() == [0, 1, 2, 3, 4]
        assert parallel.any_of(True, torch.device("cpu"))
