"""The study `tiny`, run once, and what tests change of it; and pages of the documentation."""

import shutil
from pathlib import Path

import pytest
from page import follow
from running import TINY, Workflow


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Workflow:
    """The study, run once to its end. Tests must leave its files as they are."""
    workflow = Workflow(tmp_path_factory.mktemp("finished"))
    done = workflow.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return workflow


@pytest.fixture
def copied(finished, tmp_path) -> Workflow:
    """A copy of the finished study that a test may change."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Workflow(folder)


@pytest.fixture
def changed_config(tmp_path):
    """Write the tiny configuration with some keys replaced; a nested key is written a.b.c."""
    import yaml

    def write(**changes) -> Path:
        config = yaml.safe_load(TINY.read_text())
        for key, value in changes.items():
            *parents, last = key.split(".")
            section = config
            for parent in parents:
                section = section.setdefault(parent, {})
            section[last] = value
        path = tmp_path / "changed.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path

    return write


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where a page is followed."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def printed(request, folder) -> str:
    """What following the test module's PAGE printed."""
    return follow(request.module.PAGE, folder)
