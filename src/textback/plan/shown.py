"""The plan as tables for a terminal: steps, then what must be there, then the sums."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table

from textback.plan.at_hand import Needed
from textback.plan.estimate import START_SECONDS, Plan, Step, hows
from textback.plan.memory import Memory

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
NAMES = {"null_model": "null model", "embed_retrieval": "embed for retrieval"}
HOWS = {
    "measured": "finished jobs",
    "tried": "a trial now",
    "reckoned": "matrix rate × a share",
    "endpoint": "the endpoint's",
}


def show(planned: Plan, output: Console) -> None:
    """Print a plan."""
    machine = planned.machine
    cells = f"{planned.cells} cell{'s' if planned.cells != 1 else ''}"
    output.print(f"Study {planned.study}: {cells}, on {machine.name}", style="bold")
    output.print(_finished(planned))
    output.print(Group(_steps(planned), _needed(planned), _sums(planned)))
    for note in planned.notes:
        output.print(f"Note: {note}.", style="yellow")


def _finished(planned: Plan) -> str:
    done, every = (sum(getattr(s, name) for s in planned.steps) for name in ("finished", "jobs"))
    if done == every:
        return f"All {every} jobs are finished: only tables, figures and the report may be made."
    if not done:
        return f"{every} jobs, none finished; then tables, figures and the report."
    return (
        f"{every} jobs, {done} of them finished and not counted; then tables, figures and the "
        "report."
    )


def _steps(planned: Plan) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("step")
    for heading in ("jobs", "training, FLOP", "texts, at most", "rate", "hours"):
        table.add_column(heading, justify="right")
    table.add_column("rate from")
    for step in planned.steps:
        jobs = str(step.jobs) if not step.finished else f"{step.jobs - step.finished}/{step.jobs}"
        flops = f"{step.flops:.2e}" if step.flops else ""
        texts = f"{step.queries:,}" if step.queries else ""
        known = ", ".join(HOWS[how] for how in hows(step))
        name = NAMES.get(step.name, step.name.replace("_", " "))
        table.add_row(name, jobs, flops, texts, _rate(step), hours(step.seconds), known)
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
        style = {"missing": "red", "to download": "yellow"}.get(need.where)
        table.add_row(need.what, need.name, need.where, _download(need), style=style)
    return table


def _download(needed: Needed) -> str:
    if needed.where == "at hand":
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
    what = "GPU-hours" if planned.machine.device == "cuda" else "CPU-hours, of one core"
    jobs = sum(step.jobs - step.finished for step in planned.steps)
    yield (
        what,
        hours(planned.seconds),
        f"of which {hours(START_SECONDS * jobs)} to start {jobs} jobs",
    )
    parts = ", ".join(f"{kind} {size(n)}" for kind, n in planned.disk.items() if n >= 1e5)
    yield "disk", size(sum(planned.disk.values())), parts
    yield "downloads", *_downloads(planned)
    if planned.memory is not None:
        where = "GPU memory" if planned.machine.device == "cuda" else "memory, of one job"
        yield where, size(planned.memory.total), _memory(planned.memory)
    yield (
        "embedder queries",
        f"{planned.queries:,}",
        "at most: texts repeat, and searches end early",
    )
    for name, dollars in planned.dollars.items():
        asked = f"at most, for about {planned.tokens[name]:,.0f} tokens of embedder '{name}'"
        yield "US dollars", f"${dollars:,.2f}" if dollars else "unknown", asked


def _memory(found: Memory) -> str:
    job = found.job
    what = NAMES.get(job.step, job.step)
    parts = {
        "weights and gradients": found.weights + found.gradients,
        "optimiser": found.optimizer,
        "activations": found.activations,
        "data": found.data,
    }
    said = ", ".join(f"{name} {size(n)}" for name, n in parts.items())
    return f"{what} of '{job.inverter}', {job.length} tokens, at its whole batch: {said}"


def _downloads(planned: Plan) -> tuple[str, str]:
    """How much, and what of it is not known."""
    absent = {need.name: need for need in planned.needed if need.where != "at hand"}
    unknown = [name for name, need in absent.items() if need.megabytes is None]
    known = sum(need.megabytes or 0 for need in absent.values())
    missing = [name for name, need in absent.items() if need.where == "missing"]
    said = []
    if unknown:
        said.append(f"beside those of unknown size: {', '.join(unknown)}")
    if missing:
        said.append(f"missing, and not to be had from here: {', '.join(missing)}")
    return size(1e6 * known) if known else "none", "; ".join(said)


def hours(seconds: float) -> str:
    """Seconds as hours, with two digits that count."""
    value = seconds / 3600
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}" if value >= 0.01 else "< 0.01"


def size(number: float) -> str:
    """Bytes in a unit in which there are 1 to 999 of them."""
    for unit in UNITS:
        if number < 999.5:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if number >= 9.95 or unit == "B" else f"{number:.1f} {unit}"
