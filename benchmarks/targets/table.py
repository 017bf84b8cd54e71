"""The table of targets, from what the rows found."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rows import Job, Setup

Found = dict[str, Any]
SOME = 0.1  # BLEU: less is nothing that could be reached


@dataclass(frozen=True)
class Line:
    """Of the table. ratio: how many times as good as the other side or, without one, the target;
    least: what the ratio must be to meet the target, if there is one.
    """

    what: str
    target: str
    found: str
    ratio: float | None = None
    least: float | None = None

    @property
    def met(self) -> str:
        """Whether the target is, in the table's words."""
        if self.least is None or self.ratio is None:
            return ""
        return "yes" if round(self.ratio, 2) >= self.least else "**no**"


def page(
    jobs: Iterable[Job], found: dict[str, Found], problems: dict[str, str], setup: Setup
) -> str:
    """The table as Markdown. found, problems: by the jobs' names, of those that ran."""
    lines = ["# Targets", ""]
    if setup.toy:
        lines += ["**A trial of the commands at toy scale: its numbers mean nothing.**", ""]
    lines += [*_machines(found), "", "| what | target | found | ratio | met | command |"]
    lines.append("|---|---|---|---|---|---|")
    for job in jobs:
        command = _shown(job, setup)
        for line in _lines(job, found.get(job.name), problems.get(job.name), setup):
            ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
            met = "" if setup.toy else line.met
            cells = (line.what, line.target, line.found, ratio, met, command)
            lines.append(f"| {' | '.join(cells)} |")
            command = "″"
    return "\n".join(lines) + "\n"


def _machines(found: dict[str, Found]) -> list[str]:
    """Where and with what the rows were measured."""
    rows: dict[str, list[str]] = {}
    for name, result in found.items():
        if "versions" in result:
            versions = ", ".join(f"{k} {v}" for k, v in sorted(result["versions"].items()))
            rows.setdefault(f"{result['device']}; {versions}", []).append(name)
    return [f"- {machine} ({', '.join(names)})" for machine, names in rows.items()]


def _shown(job: Job, setup: Setup) -> str:
    """A job's commands, `$OUT` for the output folder."""
    commands = job.commands(setup, setup.output / f"{job.name}.json")
    shown = "; ".join(shlex.join(command) for command in commands)
    return f"`{shown.replace(str(setup.output), '$OUT').replace('|', chr(92) + '|')}`"


def _lines(job: Job, found: Found | None, problem: str | None, setup: Setup) -> list[Line]:
    if found is None:
        return [Line(job.name, "", (problem or "not run").replace("|", "/"))]
    return LINES[job.row](job, found, setup.device == "cuda")


def _mfu(job: Job, found: Found, gpu: bool) -> list[Line]:
    numbers, settings = found["results"]["hypothesizer"], found["settings"]
    flops = f"{numbers['tflop_per_second']:.3g} of {numbers['matmul_tflop_per_second']:.3g} TFLOP/s"
    shown = f"{numbers['mfu']:.1%} ({flops}, {numbers['examples_per_second']:,.0f} examples/s)"
    what = f"MFU of training, T5-{settings['size']}, {settings['length']} tokens"
    if not gpu:
        return [Line(what, "–", shown)]
    return [Line(what, "≥ 40%", shown, numbers["mfu"] / 0.4, 1)]


def _embedding(job: Job, found: Found, gpu: bool) -> list[Line]:
    lines = []
    for precision, numbers in found["results"].items():
        rate, encode = numbers["examples_per_second"], numbers["encode_examples_per_second"]
        lines.append(
            Line(
                f"MiniLM embedding, {found['settings']['length']} tokens, {precision}",
                "≥ 20,000 passages/s" if gpu else "≥ encode's",
                f"{rate:,.0f} passages/s; encode {encode:,.0f}",
                rate / 20_000 if gpu else numbers["ratio_to_encode"],
                1,
            )
        )
    return lines


def _beside(job: Job, found: Found, gpu: bool) -> list[Line]:
    """As many of the comparisons as there are."""
    lines = {"training": _training, "inversion": _search, "bleu": _bleu}
    return [line for name in lines if name in found for line in lines[name](job, found[name], gpu)]


def _passages(job: Job, found: Found, gpu: bool) -> list[Line]:
    rates = dict(found["passages_per_second"])
    ours = rates.pop("textback")
    shown = f"{ours:,.0f} passages/s; encode {max(rates.values()):,.0f}"
    return [Line("MiniLM embedding, real passages, fp32", "≥ encode's", shown, found["ratio"], 1)]


def _training(job: Job, found: Found, gpu: bool) -> list[Line]:
    """Against the faster precision of vec2text's."""
    rates = found["examples_per_second"]
    ours = rates["textback, T5"]
    ways = {
        "vec2text as it ships": ("each-step", 5 if gpu else 2),
        "vec2text, precomputed embeddings": ("precomputed", 3 if gpu else 1.2),
    }
    lines = []
    for name, (way, least) in ways.items():
        theirs = max(rate for who, rate in rates.items() if who.startswith(f"vec2text, {way}, "))
        shown = f"{ours:,.0f} examples/s against {theirs:,.0f}"
        what = f"training, T5 {found['size']}, {name}"
        lines.append(Line(what, f"≥ {least}×", shown, ours / theirs, least))
    return lines


def _own_search(job: Job, found: Found, gpu: bool) -> list[Line]:
    numbers, settings = found["results"]["search"], found["settings"]
    what = f"{settings['rounds']} rounds × beam {settings['beam']}, T5-{settings['size']}'s shape"
    seconds = numbers["seconds_per_text"]
    shown = f"{seconds:.3g} s a text, {numbers['queries_per_text']:,.0f} queries"
    if not gpu:
        return [Line(what, "–", shown)]
    return [Line(what, "≤ 0.25 s", shown, 0.25 / seconds, 1)]


def _search(job: Job, found: Found, gpu: bool) -> list[Line]:
    """Each breadth of our search, with edits and without, a line a target."""
    what, theirs = f"{found['rounds']} rounds × beam {found['beam']}", found["vec2text"]
    least = 20 if gpu else 10
    fewer, lines = f"≥ {least}×", []
    searches = zip(found["textback"], found["ratio"], found["ratio_as_near"], strict=True)
    for ours, ratio, as_near in searches:
        edits = "edits" if ours["edits"] else "no edits"
        name = f"{what}, T5 {found['size']}, breadth {ours['breadth']}, {edits}"
        own, other = ours["seconds_per_text"], theirs["seconds_per_text"]
        seconds = f"{own:.3g} s a text against {other:.3g}"
        cosines = f"{ours['cosine']:.3f} against {theirs['cosine']:.3f}"
        lines += [
            Line(f"{name}: seconds a text", fewer, seconds, ratio, least),
            Line(f"{name}: cosine", "no worse", cosines, ours["cosine"] / theirs["cosine"], 1),
        ]
        if as_near is not None:
            seconds = f"{other / as_near:.3g} s a text"
            lines.append(Line(f"{name}: until as near as vec2text", fewer, seconds, as_near, least))
    return lines


def _bleu(job: Job, found: Found, gpu: bool) -> list[Line]:
    """vec2text's at its best learning rate; both have the time that they really took."""
    ours, theirs = found["textback"], found["vec2text"]
    last, best = ours[-1], max(theirs, key=lambda run: run["bleu"])
    shown = (
        f"{last['bleu']:.1f} after {last['seconds']:.0f} s against {best['bleu']:.1f} after "
        f"{best['seconds']:.0f} s"
    )
    what = f"BLEU of one pass, from scratch, {found['size']}"
    ratio = last["bleu"] / best["bleu"] if best["bleu"] else None
    goal = "≤ 1/5 of its time" if gpu else "–"
    return [
        Line(f"{what}: after equal seconds", "higher", shown, ratio, 1),
        Line(f"{what}: time to vec2text's", goal, *time_to_reach(ours, theirs), 5 if gpu else None),
    ]


def time_to_reach(ours: list[Found], theirs: list[Found]) -> tuple[str, float | None]:
    """How soon textback has the best BLEU that vec2text ever had, and how many times sooner.

    ours: trainings, of rising budgets; theirs: trainings with their `curve`
    """
    points = [point for run in theirs for point in run["curve"]]
    highest = max(point["bleu"] for point in points)
    if highest < SOME:
        return f"vec2text's is never {SOME}", None
    reached = min(point["seconds"] for point in points if point["bleu"] == highest)
    soonest = min((run["seconds"] for run in ours if run["bleu"] >= highest), default=None)
    goal = f"{highest:.1f} (vec2text after {reached:.0f} s)"
    if soonest is None:
        return f"never: {goal}", 0.0
    return f"{soonest:.1f} s to {goal}", reached / soonest


def _record(job: Job, found: Found, gpu: bool) -> list[Line]:
    return [Line("record, one GPU-hour", "–", f"$OUT/record, in {found['seconds']:.0f} s")]


LINES: dict[str, Callable[[Job, Found, bool], list[Line]]] = {
    "mfu": _mfu,
    "embedding": _embedding,
    "beside": _beside,
    "search": _own_search,
    "passages": _passages,
    "record": _record,
}
