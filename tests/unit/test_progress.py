"""Progress: a bar for a person at a terminal, lines for a log."""

import io

import pytest

from textback import progress
from textback.processes import WORKFLOW, gpus, launcher


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def screen():
    return Terminal()


def work(tmp_path, screen, monkeypatch):
    monkeypatch.setattr("sys.stderr", screen)
    progress.configure(tmp_path / "step.log")
    meter = progress.Meter("embedding", 10, "passages")
    for _ in range(10):
        meter.advance(1)
    meter.close()
    return (tmp_path / "step.log").read_text()


def test_a_terminal_shows_a_bar_and_the_log_its_last_line(screen, tmp_path, monkeypatch):
    monkeypatch.delenv(WORKFLOW, raising=False)
    log = work(tmp_path, screen, monkeypatch)
    assert "%|" in screen.getvalue()
    assert log.count("\n") == 1
    assert "embedding: 10/10 passages" in log


def test_steps_of_a_workflow_log_lines_instead(screen, tmp_path, monkeypatch):
    monkeypatch.setenv(WORKFLOW, "1")
    monkeypatch.setattr(progress, "LOG_SECONDS", 0)
    log = work(tmp_path, screen, monkeypatch)
    assert "%|" not in screen.getvalue()
    assert log.count("embedding:") == 10
    assert "step: embedding: 10/10" in screen.getvalue()


def test_work_that_cannot_be_counted_is_said_at_once_and_then_from_time_to_time(
    tmp_path, monkeypatch
):
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress.configure(tmp_path / "plan.log")
    with progress.doing("plan") as say:
        for text, seconds in (("first", 1.0), ("soon", 20.0), ("later", 0.0)):
            say(text)
            now += seconds
    said = (tmp_path / "plan.log").read_text()
    assert "plan: first" in said and "plan: later" in said and "soon" not in said


def test_a_study_on_the_cpu_asks_for_no_gpu():
    assert gpus("cpu") == 0
    assert gpus("cuda") == 1


def test_several_processes_are_started_together_and_one_alone_without_a_launcher():
    assert launcher(1) == "textback"
    assert launcher(4).split()[:4] == ["torchrun", "--standalone", "--nproc-per-node", "4"]
    assert launcher(4).endswith(" textback")


@pytest.mark.parametrize(("rank", "speaks"), [("0", True), ("1", False)])
def test_of_processes_that_work_together_only_the_first_logs_and_draws(
    rank, speaks, screen, tmp_path, monkeypatch
):
    monkeypatch.delenv(WORKFLOW, raising=False)
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("sys.stderr", screen)
    progress.configure(tmp_path / "step.log")
    meter = progress.Meter("training", 1, "examples")
    meter.advance(1)
    meter.close()
    assert (tmp_path / "step.log").exists() == speaks
    assert ("training" in screen.getvalue()) == speaks
    progress.log.warning("a warning")
    assert "a warning" in screen.getvalue()
