"""A process that has imported what steps of a workflow import, which are forked from it.

A step that trains or inverts imports torch and transformers for seconds, and a study has hundreds
of steps. So a workflow starts a server, and a step's command hands over to it:

    command ── arguments, environment, folder, its three streams ──▶ server
       ▲                                                               │ forks
       └─────────────────────── exit code ──────────────────────── keeper ── forks ──▶ step

The step writes to the command's own streams, gets the signals that the command gets, and ends with
it: where the command is killed, its keeper kills the step. A command to which no server answers is
its own step.

Libraries count their threads as they are loaded, so that only steps of one thread are forked; and
CUDA does not outlive a fork, so that a workflow on a GPU has no server.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from textback.processes import WORKFLOW, end_with

SOCKET = "TEXTBACK_FORK_SERVER"  # the variable that names the server's socket
THREADS = "OMP_NUM_THREADS"  # as Snakemake tells a step of its threads, among others
THREAD_VARIABLES = (THREADS, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
STREAMS = 3
SIZE, CODE = struct.Struct("!Q"), struct.Struct("!i")
TAKEN = b"+"  # a keeper's word that there is a step: until then a command may be its own
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT)


def start() -> None:
    """Start a server for the steps of this process, and end it with this process.

    Does nothing where the system has no pidfd (not Linux), or no place for the server's socket.
    """
    if not hasattr(os, "pidfd_open"):
        return
    try:
        path = str(Path(tempfile.mkdtemp(prefix="textback-")) / "socket")
    except OSError:
        return
    os.environ[SOCKET] = path
    subprocess.Popen(
        [sys.executable, "-P", "-c", f"from textback.fork_server import serve; serve({path!r})"],
        env=os.environ | dict.fromkeys(THREAD_VARIABLES, "1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def hand_over() -> int | None:
    """Have a server run this command: its exit code, negative if a signal ended it.

    None where no server is ready to, or the command may not be forked.
    """
    path = os.environ.get(SOCKET)
    if path is None or os.environ.get(THREADS) != "1" or "RANK" in os.environ:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        if connection.fileno() < STREAMS:  # the command lacks a stream
            return None
        try:
            connection.connect(path)
            _give(connection)
            taken = connection.recv(len(TAKEN))
        except OSError:  # the server still imports, or has ended
            return None
        return _wait_for_step(connection) if taken else None


def _give(connection: socket.socket) -> None:
    given = {
        "argv": sys.argv,
        "environ": dict(os.environ),
        "folder": os.getcwd(),
        "uninterrupted": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    }
    message = json.dumps(given).encode()
    socket.send_fds(connection, [SIZE.pack(len(message))], range(STREAMS))
    connection.sendall(message)


def _wait_for_step(connection: socket.socket) -> int:
    """The step's exit code. What signals the command gets meanwhile the step gets."""

    def pass_on(number: int, frame: FrameType | None = None) -> None:
        with suppress(OSError):  # it has just ended
            connection.send(bytes([number]))

    def suspend(number: int, frame: FrameType | None) -> None:
        pass_on(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)

    handlers = dict.fromkeys(PASSED_ON, pass_on) | {signal.SIGTSTP: suspend}
    before = {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    answer = connection.recv(CODE.size)
    for number, handler in before.items():
        signal.signal(number, handler)
    if answer:
        return CODE.unpack(answer)[0]
    print("textback: error: the keeper of this step was ended", file=sys.stderr)
    return 1


def serve(path: str) -> None:
    """Import, then fork steps for commands until the workflow ends."""
    from textback.cli import main

    server = os.getpid()
    try:
        _preload()
        connection = _wait_for_command(path)
    finally:
        if os.getpid() == server:
            shutil.rmtree(Path(path).parent, ignore_errors=True)
    if connection is None:
        os._exit(0)
    _keep(connection)
    _end(_exit_code(main))


def _preload() -> None:
    """Import what steps do, and let the collector leave it alone: it is shared with the steps."""
    import textback.steps

    for module in pkgutil.iter_modules(textback.steps.__path__, "textback.steps."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _wait_for_command(path: str) -> socket.socket | None:
    """Listen. Returns a command's connection, in its forked keeper; None as the workflow ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    workflow = os.pidfd_open(int(os.environ[WORKFLOW]))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while workflow not in select.select([listener, workflow], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                os.close(workflow)
                return connection
            connection.close()
    return None


def _keep(connection: socket.socket) -> None:
    """Fork the step, see to its end, and say how it ended. Returns in the step alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    given, streams = _receive(connection)
    keeper = os.getpid()
    step = os.fork()
    if step == 0:
        connection.close()
        _take_the_place_of(given, streams)
        end_with(keeper)
        return
    for stream in streams:
        os.close(stream)
    connection.sendall(TAKEN)
    ended = os.pidfd_open(step)
    while ended not in select.select([connection, ended], [], [])[0]:
        passed_on = connection.recv(1)
        os.kill(step, passed_on[0] if passed_on else signal.SIGKILL)  # as the command was
        if not passed_on:
            break
    code = os.waitstatus_to_exitcode(os.waitpid(step, 0)[1])
    with suppress(OSError):
        connection.sendall(CODE.pack(code))
    os._exit(0)


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a command gives, and its streams."""
    size, streams, _, _ = socket.recv_fds(connection, SIZE.size, STREAMS)
    with connection.makefile("rb") as messages:
        message = messages.read(SIZE.unpack(size)[0])
    return json.loads(message), streams


def _exit_code(main: Callable[[], None]) -> int:
    """Run a step to its end, as an interpreter would."""
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """End a forked process without taking down what it imported, which is most of a second."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _take_the_place_of(given: dict[str, Any], streams: list[int]) -> None:
    """Work as the command would: in its folder, to its streams, by its name in a list of tasks."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text("textback")
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["environ"])
    sys.argv[:] = given["argv"]
    uninterrupted = given["uninterrupted"]
    signal.signal(signal.SIGINT, signal.SIG_IGN if uninterrupted else signal.default_int_handler)
    sys.stdout.reconfigure(line_buffering=os.isatty(sys.stdout.fileno()))
    tempfile.tempdir = None  # the server's, else
