"""The command line: what a user can mend is one line, and anything else asks for a report."""

import pytest
import torch

from textback import cli


def failing(monkeypatch, error):
    def app(**options):
        raise error

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(cli.signal, "signal", lambda *arguments: None)
    monkeypatch.setattr(cli, "die_with_workflow", lambda: None)
    with pytest.raises(SystemExit) as exit:
        cli.main()
    return exit.value.code


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("could not create a primitive"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lack_of_memory_anywhere_is_one_line(error, monkeypatch, logged):
    assert failing(monkeypatch, error) == 1
    expected = "textback: error: out of memory: choose a smaller size, batch or beam"
    assert logged.lines() == [expected]


def test_another_error_asks_for_a_report(monkeypatch, logged):
    assert failing(monkeypatch, RuntimeError("shapes do not agree")) == 2
    assert "please report it" in "".join(logged.lines())
