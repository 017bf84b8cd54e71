"""A process that has imported what steps of a workflow import, which are forked from it.

A step that trains or inverts imports torch and transformers for seconds, and a study has hundreds
of steps. So a workflow starts a server, and a step's command hands over to it:

    command ── arguments, environment, folder, its three streams ──▶ server
       ▲                                                               │ forks
       └─────────────────────── exit code ──────────────────────── keeper ── forks ──▶ step

The step writes to the command's own streams, and ends with it: where the command is ended, its
keeper ends the step. A command to which no server answers is its own step, as before.

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
from typing import Any, NoReturn

from textback.processes import WORKFLOW

SOCKET = "TEXTBACK_FORK_SERVER"  # the variable that names the server's socket
THREADS = "OMP_NUM_THREADS"  # as Snakemake tells a step of its threads, among others
THREAD_VARIABLES = (THREADS, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
STREAMS = 3
SIZE, CODE = struct.Struct("!Q"), struct.Struct("!i")
PATIENCE = 5.0  # seconds in which a step that is to end may do so


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
    given = {"argv": sys.argv, "environ": dict(os.environ), "folder": os.getcwd()}
    message = json.dumps(given).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
            socket.send_fds(connection, [SIZE.pack(len(message))], range(STREAMS))
            connection.sendall(message)
        except OSError:  # it still imports, or has ended
            return None
        answer = connection.recv(CODE.size)
    return CODE.unpack(answer)[0] if answer else 1


def serve(path: str) -> None:
    """Import, then fork steps for commands until the workflow ends."""
    from textback.cli import main

    _preload()
    connection = _wait_for_command(path)
    _keep(connection)
    _end(_exit_code(main))


def _preload() -> None:
    """Import what steps do, and let the collector leave it alone: it is shared with the steps."""
    import textback.steps

    for module in pkgutil.iter_modules(textback.steps.__path__, "textback.steps."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _wait_for_command(path: str) -> socket.socket:
    """Listen until the workflow ends. Returns the connection of a command, in its forked keeper."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    # The workflow may have ended, and the path may be too long.
    with suppress(OSError), socket.socket(socket.AF_UNIX) as listener:
        workflow = os.pidfd_open(int(os.environ[WORKFLOW]))
        listener.bind(path)
        listener.listen()
        while workflow not in select.select([listener, workflow], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                os.close(workflow)
                return connection
            connection.close()
    shutil.rmtree(Path(path).parent, ignore_errors=True)
    os._exit(0)


def _keep(connection: socket.socket) -> None:
    """Fork the step, see to its end, and say how it ended. Returns in the step alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    given, streams = _receive(connection)
    step = os.fork()
    if step == 0:
        connection.close()
        _take_the_place_of(given, streams)
        return
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(step)
    if ended not in select.select([connection, ended], [], [])[0]:  # the command was ended
        os.kill(step, signal.SIGTERM)
        if not select.select([ended], [], [], PATIENCE)[0]:
            os.kill(step, signal.SIGKILL)
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
        return end.code if isinstance(end.code, int) else int(end.code is not None)
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
