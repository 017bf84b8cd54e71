"""The command `textback`: in a workflow a step that its server forks, else this very process."""

import os
import signal
import sys
from contextlib import suppress

from textback import fork_server


def main() -> None:
    """Run the command, and end as it ended."""
    code = fork_server.hand_over()
    if code is None:
        from textback.cli import main as run

        run()
    elif code < 0:
        with suppress(OSError):  # some signals always end a process
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
