"""The fitted law on the first page: its parameters with intervals, its rivals, the verdict."""

import html
from typing import Any

from textback.pages.html import table


def law_section(fits: dict[str, Any]) -> str:
    """Of what fits.json holds (see `textback.scaling`); nothing where no law was fitted."""
    if not fits:
        return ""
    best = fits["forms"][fits["best"]]
    verdict = fits["verdict"]
    return "".join(
        [
            "<h2>The law</h2>",
            f"<p>{html.escape(verdict[0].upper() + verdict[1:])}</p>",
            f"<p>The best form, {html.escape(fits['best'])}: u = 1 − (1 − floor)·r(x), "
            f"{html.escape(best['formula'])}.</p>",
            table(["parameter", "value and 95% interval", "what it means"], _parameters(best)),
            table(["form", "held-out error of log u", "worse than the best by"], _forms(fits)),
            *(
                f"<p class=note>Not fitted: {html.escape(name.replace('_', ' '))}, "
                f"{html.escape(why)}.</p>"
                for name, why in fits["left_out"].items()
            ),
        ]
    )


def _parameters(form: dict[str, Any]) -> list[list[str]]:
    return [
        [
            html.escape(name.replace("_", " ")),
            _interval(one),
            html.escape(f"{one['meaning']} ({one['unit']})" if one["unit"] else one["meaning"]),
        ]
        for name, one in form["parameters"].items()
    ]


def _forms(fits: dict[str, Any]) -> list[list[str]]:
    return [
        [
            html.escape(name),
            _interval(form["error_held_out"]),
            f"{_interval(form['worse_by'])}{', beyond chance' if form['rejected'] else ''}"
            if "worse_by" in form
            else "",
        ]
        for name, form in fits["forms"].items()
    ]


def _interval(one: dict[str, float]) -> str:
    return f"{one['value']:.3g} <span>[{one['low']:.3g}, {one['high']:.3g}]</span>"
