"""Runs a sub-command of textback, then writes the most memory it has held, in bytes, to a file.

python -m textback.bench.measured_step FILE corpus --spec ... --output ...
"""

import resource
import sys
from pathlib import Path

from textback.cli import main


def peak_memory() -> int:
    """Most resident memory of this process. Linux's getrusage begins with that of its parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        file.write_text(str(peak_memory()))
