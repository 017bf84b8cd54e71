"""Steps that a workflow's server forks: what they do and how they end is what a command's own would."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from textback import fork_server
from textback.processes import WORKFLOW

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd (not Linux)")
WAIT = 60
LONG = ("bench", "training", "--size", "toy", "--seconds", "600", "--compile", "off")


@dataclass
class Server:
    """A workflow that only sleeps, and the server of its steps."""

    workflow: subprocess.Popen
    socket: Path

    def command(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """What `subprocess` needs to run a command of textback as a step of the workflow."""
        own = {WORKFLOW: str(self.workflow.pid), fork_server.SOCKET: str(self.socket)}
        own |= {fork_server.THREADS: "1"} | environment
        return {
            "args": [Path(sys.executable).with_name("textback"), *arguments],
            "env": os.environ | own,
            "text": True,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }

    def run(self, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
        command = self.command(*arguments, **environment)
        return subprocess.run(**command, cwd=folder, timeout=WAIT)

    @contextmanager
    def step(
        self, folder: Path, on_interrupt: signal.Handlers = signal.SIG_DFL
    ) -> Iterator[tuple[subprocess.Popen, int]]:
        """A command that works for long, and the process number of its forked step."""
        process = subprocess.Popen(
            **self.command(*LONG),
            cwd=folder,
            preexec_fn=lambda: signal.signal(signal.SIGINT, on_interrupt),
        )
        try:
            (found,) = wait_for(lambda: forked_steps(self), "a forked step")
            yield process, found
        finally:
            process.kill()
            process.wait()
            wait_for(lambda: not forked_steps(self), "the step to end")


@pytest.fixture(scope="module")
def server():
    workflow = subprocess.Popen(["sleep", "600"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKFLOW, str(workflow.pid))
        patch.setenv(fork_server.SOCKET, "")
        fork_server.start()
        found = Server(workflow, Path(os.environ[fork_server.SOCKET]))
    wait_for(found.socket.exists, "the server")
    yield found
    workflow.kill()
    workflow.wait()


def wait_for(found, what):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited {WAIT} s for {what}")


def status(process: int) -> tuple[str, list[str]]:
    """What a list of tasks calls a process, and the fields after that: its state and parent first."""
    name, _, rest = Path("/proc", str(process), "stat").read_text().rpartition(")")
    return name.partition("(")[2], rest.split()


def state(process: int) -> str:
    return status(process)[1][0]


def parent(process: int) -> int:
    return int(status(process)[1][1])


def forked_steps(server: Server) -> list[int]:
    """Process numbers of the steps that the keepers of the server have forked and not ended."""
    found = []
    for process in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        try:
            of_server = str(server.socket) in Path("/proc", str(process), "cmdline").read_text()
            if of_server and status(process)[0] == "textback" and state(process) != "Z":
                found.append(process)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--help",), 0, "Steps of the workflow"),
        (("no-such-step",), 2, "No such command"),
        (
            ("show", "--study", "nowhere"),
            1,
            "no such table: name a study's folder, results/studies/NAME",
        ),
    ],
)
def test_a_forked_step_says_what_a_command_says_and_ends_as_it(
    server, tmp_path, arguments, code, said
):
    forked = server.run(*arguments, folder=tmp_path)
    alone = server.run(*arguments, folder=tmp_path, **{fork_server.SOCKET: "/nowhere"})
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        alone.returncode,
        alone.stdout,
        alone.stderr,
    )
    assert forked.returncode == code and said in forked.stdout + forked.stderr


def test_a_step_is_forked_works_where_its_command_does_and_ends_with_it(server, tmp_path):
    with server.step(tmp_path) as (process, step):
        assert os.readlink(f"/proc/{step}/cwd") == str(tmp_path)
        for stream in range(fork_server.STREAMS):
            same = (os.readlink(f"/proc/{one}/fd/{stream}") for one in (step, process.pid))
            assert len(set(same)) == 1
        process.kill()
        wait_for(lambda: not forked_steps(server), "the step to end with its command")


def test_a_step_has_the_environment_of_its_command(server, tmp_path):
    step = server.run("bench", "training", folder=tmp_path, TEXTBACK_COMPILE="nonsense")
    assert step.returncode == 1 and "unknown compile 'nonsense'" in step.stderr


def test_a_command_ends_by_the_signal_that_ends_its_step(server, tmp_path):
    with server.step(tmp_path) as (process, step):
        os.kill(step, signal.SIGKILL)
        assert process.wait(WAIT) == -signal.SIGKILL


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_a_command_reaches_its_step_which_ends_as_it_would(
    server, tmp_path, number, code
):
    with server.step(tmp_path) as (process, step):
        wait_for(lambda: int(status(step)[1][11]) > 50, "half a second of work")  # in 1/100 s
        process.send_signal(number)
        assert "Traceback" not in process.communicate(timeout=WAIT)[1]
        assert process.returncode == code
        assert not forked_steps(server)


def test_a_step_ignores_ctrl_c_where_its_command_does(server, tmp_path):
    with server.step(tmp_path, on_interrupt=signal.SIG_IGN) as (process, step):
        ignored = re.search("SigIgn:\t(.*)", Path(f"/proc/{step}/status").read_text())[1]
        assert int(ignored, 16) & 1 << signal.SIGINT - 1


def test_a_command_that_is_suspended_and_resumed_suspends_and_resumes_its_step(server, tmp_path):
    with server.step(tmp_path) as (process, step):
        process.send_signal(signal.SIGTSTP)
        wait_for(lambda: state(step) == state(process.pid) == "T", "both to be suspended")
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: state(step) != "T", "the step to be resumed")


def test_a_step_ends_with_its_keeper_and_its_command_says_so(server, tmp_path):
    with server.step(tmp_path) as (process, step):
        os.kill(parent(step), signal.SIGKILL)
        assert "the keeper of this step was ended" in process.communicate(timeout=WAIT)[1]
        assert process.returncode == 1
        wait_for(lambda: not forked_steps(server), "the step to end")


def test_a_command_without_a_stdin_is_its_own_step(server, tmp_path):
    process = server.command("--help")
    step = subprocess.run(**process, cwd=tmp_path, preexec_fn=lambda: os.close(0), timeout=WAIT)
    assert step.returncode == 0 and "Steps of the workflow" in step.stdout


def test_no_place_for_a_socket_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    monkeypatch.setenv(fork_server.SOCKET, "as before")
    fork_server.start()
    assert os.environ[fork_server.SOCKET] == "as before"


def test_a_step_of_several_threads_or_processes_is_not_forked(monkeypatch):
    monkeypatch.setenv(fork_server.SOCKET, "/nowhere")
    monkeypatch.setattr("socket.socket", lambda family: pytest.fail("asks a server"))
    monkeypatch.setenv(fork_server.THREADS, "2")
    assert fork_server.hand_over() is None
    monkeypatch.setenv(fork_server.THREADS, "1")
    monkeypatch.setenv("RANK", "0")
    assert fork_server.hand_over() is None


def test_a_command_without_a_server_is_its_own_step(monkeypatch, tmp_path):
    monkeypatch.setenv(fork_server.THREADS, "1")
    monkeypatch.delenv(fork_server.SOCKET, raising=False)
    assert fork_server.hand_over() is None
    monkeypatch.setenv(fork_server.SOCKET, str(tmp_path / "none"))
    assert fork_server.hand_over() is None


def test_a_command_whose_server_ends_before_it_forks_is_its_own_step(monkeypatch, tmp_path):
    monkeypatch.setenv(fork_server.THREADS, "1")
    monkeypatch.setenv(fork_server.SOCKET, str(tmp_path / "socket"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        server = threading.Thread(target=lambda: listener.accept()[0].close())
        server.start()
        assert fork_server.hand_over() is None
        server.join()


@pytest.mark.parametrize("ready", [True, False])
def test_a_server_ends_with_its_workflow_and_leaves_nothing(monkeypatch, ready):
    workflow = subprocess.Popen(["sleep", "600"])
    monkeypatch.setenv(WORKFLOW, str(workflow.pid))
    monkeypatch.setenv(fork_server.SOCKET, "")
    fork_server.start()
    folder = Path(os.environ[fork_server.SOCKET]).parent
    if ready:
        wait_for((folder / "socket").exists, "the server")
    workflow.kill()
    workflow.wait()
    wait_for(lambda: not folder.exists(), "the server to end")
