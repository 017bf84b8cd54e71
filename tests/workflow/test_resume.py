"""A run that is stopped, by whatever signal and wherever, goes on to the same table."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from running import Workflow

WAIT = 120


@pytest.fixture
def unfinished(copied, monkeypatch) -> Workflow:
    """The study with everything up to its embeddings, and checkpoints several times a second."""
    for part in ("cells", "null_models", "studies"):
        shutil.rmtree(copied.folder / "results" / part)
    monkeypatch.setenv("TEXTBACK_CHECKPOINT_SECONDS", "0.1")
    return copied


def wait_for(found, what):
    """Poll until `found()` is true of something, and return that."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited {WAIT} s for {what}")


def training(workflow, part):
    """A function that tells whether a trainer runs and has written a checkpoint since now."""
    began = time.time()
    pattern = f"results/.state/**/{part}/**/checkpoint.safetensors"

    def found():
        fresh = [p for p in workflow.folder.glob(pattern) if p.stat().st_mtime > began]
        return fresh and steps(part, workflow.folder)

    return found


def steps(name, folder):
    """Process numbers of running steps of this name in this folder: each has its log open."""
    found = []
    for process in filter(lambda entry: entry.name.isdecimal(), Path("/proc").iterdir()):
        try:
            files = [os.readlink(file) for file in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(file.startswith(f"{folder}/logs/{name}/") for file in files):
            found.append(int(process.name))
    return found


def stop_at(workflow, part, how):
    """Start the workflow, wait until `part` has a checkpoint, stop it, and wait for its end."""
    running = training(workflow, part)
    process = workflow.start()
    try:
        wait_for(running, f"a checkpoint of the {part}")
        how(process)
        process.wait(timeout=WAIT)
        wait_for(lambda: not steps(part, workflow.folder), "the trainer to end")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def test_a_second_run_from_scratch_through_every_kind_of_kill_gives_the_same_table_bit_for_bit(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setenv("TEXTBACK_CHECKPOINT_SECONDS", "0.1")
    again = Workflow(tmp_path)
    # Ctrl-C in a terminal reaches the workflow and its steps.
    code = stop_at(again, "hypothesizer", lambda p: os.killpg(p.pid, signal.SIGINT))
    assert code != 0
    # The workflow is killed: the step must not outlive it, nor a lock remain.
    code = stop_at(again, "hypothesizer", lambda p: p.kill())
    assert code == -signal.SIGKILL
    # The trainer is killed, as for want of memory.
    code = stop_at(
        again,
        "corrector",
        lambda p: [os.kill(n, signal.SIGKILL) for n in steps("corrector", again.folder)],
    )
    assert code != 0
    assert not list(again.folder.glob("results/cells/**/corrector/model.safetensors"))
    # A cluster's polite request: the workflow ends after the steps that run.
    stop_at(again, "corrector", lambda p: p.terminate())
    kept = "What is finished is kept: the same command goes on from there."
    assert kept in again.said.read_text()  # nothing failed, so nothing is to be mended

    done = again.run()
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("table.csv", "comparisons.csv"):
        assert (again.study / name).read_bytes() == (finished.study / name).read_bytes()


def test_a_resumed_training_really_goes_on_from_its_checkpoint(unfinished):
    stop_at(unfinished, "hypothesizer", lambda p: p.kill())
    done = unfinished.run("--until", "hypothesizer")
    assert done.returncode == 0, done.stdout + done.stderr
    log = next(unfinished.folder.glob("logs/hypothesizer/**/*.log")).read_text()
    assert "goes on from step" in log


def test_a_step_is_forked_from_the_workflows_server_and_ctrl_c_lets_it_write_a_checkpoint(
    unfinished, monkeypatch
):
    monkeypatch.setenv("TEXTBACK_CHECKPOINT_SECONDS", "1")  # the second one is Ctrl-C's
    seen = {}

    def interrupt(process):
        step = steps("corrector", unfinished.folder)[0]
        seen["command"] = Path(f"/proc/{step}/cmdline").read_text()
        seen["written"] = checkpoint(unfinished).stat().st_mtime_ns
        os.killpg(process.pid, signal.SIGINT)

    stop_at(unfinished, "corrector", interrupt)
    assert "fork_server" in seen["command"]
    assert checkpoint(unfinished).stat().st_mtime_ns > seen["written"]


def checkpoint(workflow):
    pattern = "results/.state/**/corrector/**/checkpoint.safetensors"
    return next(workflow.folder.glob(pattern))


def test_two_workflows_in_one_folder_are_refused_in_one_line(unfinished):
    running = training(unfinished, "hypothesizer")
    process = unfinished.start()
    try:
        wait_for(running, "the first workflow")
        second = unfinished.run()
        assert second.returncode != 0
        lines = [line for line in second.stderr.splitlines() if "textback: error" in line]
        assert len(lines) == 1 and "another process works here" in lines[0]
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
