"""The plan as tables for a terminal: steps, then what must be there, then the sums."""

import math
import os
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from textback.counted import counted
from textback.plan.at_hand import ENDS_A_RUN, Needed
from textback.plan.estimate import Plan, Step, hows
from textback.plan.memory import Memory
from textback.plan.throughput import EMBEDDING_SHARE, TRAINING_SHARE, WRITING_SHARE

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
WIDTH = 70  # of explanations
ABSENT = ("to download", "missing")
NAMES = {"null_model": "null model", "embed_retrieval": "embed for retrieval"}
HOWS = {
    "measured": "finished jobs",
    "tried": "a trial now",
    "reckoned": "reckoned",
    "endpoint": "an endpoint",
}


def show(planned: Plan, output: Console) -> None:
    """Print a plan."""
    cells = counted(planned.cells, "cell")
    output.print(f"Study {planned.study}: {cells}, on {planned.machine.name}", style="bold")
    output.print(_finished(planned), soft_wrap=True)
    output.print(_steps(planned))
    if any("reckoned" in hows(step) for step in planned.steps):
        device = planned.machine.device
        shares = f"{TRAINING_SHARE:.0%} training, {EMBEDDING_SHARE[device]:.0%} embedding, "
        shares += f"{WRITING_SHARE[device]:.0%} writing"
        rate = f"{planned.machine.flops:.2e} FLOP/s"
        output.print(f"reckoned: {rate} of large matrix products, times {shares}", soft_wrap=True)
    if planned.needed:
        output.print(_needed(planned))
    output.print(_sums(planned))
    for note in planned.notes:
        output.print(f"Note: {note}.", style="yellow", soft_wrap=True)


def _finished(planned: Plan) -> str:
    done, every = (sum(getattr(s, name) for s in planned.steps) for name in ("finished", "jobs"))
    then = "then tables, figures and the report"
    if done == every:
        return f"{counted(every, 'job')}, all finished; {then}."
    if not done:
        return f"{counted(every, 'job')}, none finished; {then}."
    return f"{counted(every, 'job')}, {done} finished and not counted below; {then}."


def _steps(planned: Plan) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("step")
    for heading in ("jobs", "training, FLOP", "texts, at most", "rate", "hours"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("rate from")
    for step in planned.steps:
        ahead = step.jobs - step.finished
        jobs = f"{ahead} of {step.jobs}" if step.finished else str(step.jobs)
        flops = f"{step.flops:.2e}" if step.flops else ""
        texts = f"{step.queries:,}" if step.queries else ""
        known = ", ".join(HOWS[how] for how in hows(step))
        name = NAMES.get(step.name, step.name.replace("_", " "))
        taken = hours(step.seconds) if step.seconds else ""
        table.add_row(name, jobs, flops, texts, _rate(step), taken, known)
    return table


def _rate(step: Step) -> str:
    """The slowest to the fastest rate of a step."""
    values = sorted(doing.rate.value for doing in step.doing if doing.rate.how != "endpoint")
    if not values:
        return ""
    unit = "FLOP/s" if step.flops else "texts/s"
    low, high = (f"{v:.2e}" if step.flops else f"{v:,.0f}" for v in (values[0], values[-1]))
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _needed(planned: Plan) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("made from", "name", "where"):
        table.add_column(heading)
    table.add_column("download", justify="right")
    for need in planned.needed:
        style = "red" if need.where in ENDS_A_RUN else "yellow" if need.where in ABSENT else None
        table.add_row(need.what, need.name, need.where, _download(need), style=style)
    return table


def _download(needed: Needed) -> str:
    if needed.where not in ABSENT:
        return ""
    return "unknown" if needed.megabytes is None else f"about {size(1e6 * needed.megabytes)}"


def _sums(planned: Plan) -> Table:
    table = Table(box=SIMPLE_HEAD, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for row in _rows(planned):
        table.add_row(*row)
    return table


def _rows(planned: Plan) -> Iterator[tuple[str, str, str]]:
    """What, how much, and in words."""
    gpu = planned.machine.device == "cuda"
    started = f"of which {hours(planned.starting)} to start jobs"
    if gpu:
        yield "GPU-hours", hours(planned.seconds), started
    else:
        cores = os.cpu_count() or 1
        among = f"; shared by {counted(cores, 'core')} {hours(planned.seconds / cores)} at best"
        yield "CPU-hours, of one core", hours(planned.seconds), started + among
    parts = [f"{kind} {size(number)}" for kind, number in planned.disk.items() if number >= 1e5]
    yield "disk", size(sum(planned.disk.values())), _in_lines(parts)
    yield "downloads", *_downloads(planned)
    if planned.memory is not None:
        name = "GPU memory, of a job" if gpu else "memory, of a job"
        yield name, size(planned.memory.total), _memory(planned.memory)
    early = "at most: texts repeat, and searches end early"
    yield "embedder queries", f"{planned.queries:,}", early
    for name, dollars in planned.dollars.items():
        asked = f"at most, for about {planned.tokens[name]:,.0f} tokens of embedder '{name}'"
        yield "US dollars", f"{dollars:,.2f}" if dollars else "unknown", asked


def _memory(found: Memory) -> str:
    job = found.job
    part = NAMES.get(job.step, job.step)
    parts = {
        "weights and gradients": found.weights + found.gradients,
        "optimiser": found.optimizer,
        "activations": found.activations,
        "libraries and logits": found.other,
        "data": found.data,
    }
    said = [f"{name} {size(number)}" for name, number in parts.items()]
    if found.data_on_host:
        said[-1] += ", on the host where the GPU has no room, not counted"
    whose = f"{part} of '{job.inverter}', length {job.length}, at its whole batch"
    return f"{whose}:\n{_in_lines(said)}"


def _downloads(planned: Plan) -> tuple[str, str]:
    """How much in all, and how many are of unknown size, or not to be had.

    What several entries take is fetched once.
    """
    absent = [need for need in planned.needed if need.where in ABSENT]
    if not absent:
        return "none", ""
    sizes: dict[str, set[float]] = {need.name: set() for need in absent}
    for need in absent:
        sizes[need.name] |= {need.megabytes} - {None}
    unknown = [name for name, told in sizes.items() if not told]
    missing = {need.name for need in absent if need.where == "missing"}
    said = []
    if unknown:
        said.append(f"and {len(unknown)} of unknown size")
    if missing:
        said.append(f"{len(missing)} not to be had from here")
    known = sum(sum(told) for told in sizes.values())
    return f"about {size(1e6 * known)}" if known else "unknown", "; ".join(said)


def _in_lines(parts: list[str]) -> str:
    """The parts in lines of WIDTH characters, none broken."""
    lines = [""]
    for part in parts:
        joined = f"{lines[-1]}, {part}" if lines[-1] else part
        if len(joined) <= WIDTH or not lines[-1]:
            lines[-1] = joined
        else:
            lines[-1] += ","
            lines.append(part)
    return "\n".join(lines)


def hours(seconds: float) -> str:
    """Seconds as hours, with about two digits that count."""
    value = seconds / 3600
    if 0 < value < 0.01:
        return "< 0.01"
    digits = 0 if value >= 10 else 1 if value >= 1 else 2
    return f"{value:,.{digits}f}"


def size(number: float) -> str:
    """Bytes in a unit in which there are 1 to 999 of them."""
    power = min(len(UNITS) - 1, int(math.log10(max(1.0, 1.0005 * number)) / 3))
    scaled = number / 1000**power
    return f"{scaled:.{int(scaled < 9.95 and power > 0)}f} {UNITS[power]}"
