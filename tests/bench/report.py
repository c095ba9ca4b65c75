"""build/bench/report.html: one page with everything in it, no script, nothing from elsewhere."""

import datetime
import pathlib
from html import escape

from figure import Spread, number

try:
    from plots import image
except ImportError as reason:
    image, NO_PLOTS = None, f"There are no plots: {reason} (Debian: python3-matplotlib)."

STYLE = pathlib.Path(__file__).with_name("report.css")


def cell(column, row):
    """A cell of a table."""
    value = row.get(column.key, "")
    if isinstance(value, Spread):
        low, high = (f"{end:{column.format}}" for end in (value.least, value.greatest))
        return f"<td class=number><b>{value.median:{column.format}}</b> <small>{low}–{high}</small>"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"<td class=number>{value:{column.format}}"
    return f"<td>{escape(str(value))}"


def table(figure):
    if not figure.rows:
        return ""
    head = "".join(f"<th>{escape(column.heading)}" for column in figure.columns)
    body = "".join("<tr>" + "".join(cell(column, row) for column in figure.columns) for row in figure.rows)
    return f"<div class=scroll><table><tr>{head}{body}</table></div>"


def checks_of(figure):
    def line(check):
        verdict = "<td>✔" if check.ok else "<td class=exceeded>✘"
        return (f"<tr>{verdict}<td>{escape(check.what)}<td class=number><b>{number(check.value)}</b>"
                f"<td>{'≤' if check.at_most else '≥'} {number(check.limit)}")
    return f"<div class=scroll><table>{''.join(map(line, figure.checks))}</table></div>" if figure.checks else ""


def row_of(figure):
    """Of the table in README.md."""
    return f"row{'s' * (',' in figure.number)} {figure.number}"


def section(figure):
    plots = "".join(f"<figure><figcaption>{escape(plot.title)}</figcaption>"
                    f'<img alt="{escape(plot.title)}" src="{image(plot)}"></figure>'
                    for plot in figure.plots if image and any(series.points for series in plot.series))
    notes = "".join(f"<li>{escape(note)}" for note in figure.notes)
    row = f" <small>{row_of(figure)}</small>" if figure.number else ""
    return (f'<section id="{figure.name}"><h2>{escape(figure.title)}{row}</h2><p>{escape(figure.text)}'
            f"<div class=plots>{plots}</div>{checks_of(figure)}{table(figure)}<ul class=notes>{notes}</ul></section>")


def page(facts, figures):
    checks = [check for figure in figures for check in figure.checks]
    kept = sum(check.ok for check in checks)
    machine, date = facts["machine"], datetime.datetime.fromisoformat(facts["date"])
    left_out = facts["left_out"] + ["the systems to compare with"] * facts["without_peers"]
    notes = [f"Left out of this run: {', '.join(left_out)}."] if left_out else []
    if machine["busy"]:
        notes.append("Something else was running on this machine when the run began (load average "
                     f"{machine['load_average_before']:.1f}): the figures may be off.")
    if not image:
        notes.append(NO_PLOTS)
    links = " · ".join(f'<a href="#{figure.name}">{figure.name}</a>' for figure in figures)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Channel: the bench</title><style>{STYLE.read_text()}</style></head><body>
<h1>Channel, measured: {kept} of {len(checks)} limits kept</h1>
<p>What one message costs the edge and the channel service, beside the kernel's own limit and beside others who do the
same work on the same machine, in turns, in the same run. No message was lost, repeated, reordered or damaged.
<p>{date:%-d %B %Y, %H:%M} UTC; {machine["cpus"]} × {escape(machine["processor"])}, Linux {escape(machine["kernel"])};
{facts["length"]}, {facts["seconds"]:,.0f} s; the hypervisor took {machine["stolen"]:.1%} of the time.
{"".join(f"<p class=busy>{escape(note)}" for note in notes)}<p>{links}
{"".join(map(section, figures))}
<footer>Bars and points are medians of the rounds, whiskers go from the least to the greatest round, dashed lines are
limits. CPU is user and system time of the server processes, all threads. How it is measured, and how to repeat it:
<code>tests/bench/README.md</code>.</footer></body></html>
"""
