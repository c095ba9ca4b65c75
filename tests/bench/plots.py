"""The plots of the report: drawn by matplotlib, each as the address of an SVG image."""

import base64
import io

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from figure import Spread, middle, number

LOG_FROM = 30  # greatest to least: bars in a logarithmic scale, which have no 0, are worth it
OURS, OTHERS = "tab:blue", ("tab:gray", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:olive")

matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 11,
                        "axes.spines.top": False, "axes.spines.right": False, "errorbar.capsize": 3}


def whiskers(values):
    """From the median to the least and to the greatest round."""
    spreads = [value if isinstance(value, Spread) else Spread([value]) for value in values]
    return [[one.median - one.least for one in spreads], [one.greatest - one.median for one in spreads]]


def colours(plot):
    """The product has the first colour, whatever its place."""
    others = iter(OTHERS)
    ours = [any(word in series.name.lower() for word in ("channel", "edge")) for series in plot.series]
    return [OURS if own and sum(ours) == 1 or len(ours) == 1 else next(others) for own in ours]


def bars(axes, plot):
    names = list(dict.fromkeys(x for series in plot.series for x, _ in series.points))
    height = 0.8 / len(plot.series)
    for place, (series, colour) in enumerate(zip(plot.series, colours(plot))):
        values = [value for _, value in series.points]
        rows = [names.index(x) + (place + 0.5) * height - 0.4 for x, _ in series.points]
        drawn = axes.barh(rows, list(map(middle, values)), height * 0.9, xerr=whiskers(values), color=colour,
                          ecolor="#444", label=series.name)
        axes.bar_label(drawn, [number(middle(value)) for value in values], padding=4)
    if plot.limit:
        limits = plot.limit[1] if isinstance(plot.limit[1], (list, tuple)) else [plot.limit[1]] * len(names)
        for row, limit in enumerate(limits):
            axes.vlines(limit, row - 0.45, row + 0.45, "red", "dashed", label=plot.limit[0] if row == 0 else None)
    values = [middle(value) for series in plot.series for _, value in series.points]
    if plot.log_y and min(values) > 0 and max(values) / min(values) >= LOG_FROM:
        axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set(xlabel=plot.y_label)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    return len(names) * len(plot.series)


def lines(axes, plot):
    for series, colour in zip(plot.series, colours(plot)):
        xs, values = zip(*series.points)
        axes.errorbar(xs, list(map(middle, values)), whiskers(values), marker="o", color=colour, label=series.name)
    if plot.limit:
        axes.axhline(plot.limit[1], color="red", linestyle="dashed", label=plot.limit[0])
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label, xscale="log" if plot.log_x else "linear",
             yscale="log" if plot.log_y else "linear")
    if not plot.log_y:
        axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({x for series in plot.series for x, _ in series.points}))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))


def image(plot):
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    bar_count = bars(axes, plot) if plot.kind == "bars" else lines(axes, plot)
    shown = len(plot.series) + bool(plot.limit) if len(plot.series) > 1 or plot.limit else 0
    figure.set_size_inches(5.5, 1 + 0.28 * (shown + bar_count) if bar_count else 3.2 + 0.2 * shown)
    if shown:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()
