"""build/bench/report.html: one page with everything in it, no script, nothing from elsewhere."""

import datetime
import pathlib
from html import escape

from figure import Spread
from plots import number, svg

STYLE = pathlib.Path(__file__).with_name("report.css")
# Marks that differ in shape, too.
KEPT = ('<svg class="mark kept" viewBox="0 0 16 16" role="img" aria-label="kept">'
        '<circle cx="8" cy="8" r="8"/><path d="M4 8.5l2.8 2.8L12 5.5"/></svg>')
EXCEEDED = ('<svg class="mark exceeded" viewBox="0 0 16 16" role="img" aria-label="exceeded">'
            '<path class="shape" d="M5 0h6l5 5v6l-5 5H5l-5-5V5z"/><path d="M5 5l6 6M11 5l-6 6"/>'
            "</svg>")


def cell(column, row):
    """Content and whether it is a number."""
    value = row.get(column.key, "")
    if isinstance(value, Spread):
        low, high = (f"{end:{column.format}}" for end in (value.least, value.greatest))
        return (f"<b>{value.median:{column.format}}</b> <small>{low}–{high}</small>", True)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return escape(f"{value:{column.format}}"), True
    shown = escape(str(value))
    return shown, shown.replace(",", "").replace(".", "").isdigit()


def table(figure):
    if not figure.rows:
        return ""
    cells = [[cell(column, row) for column in figure.columns] for row in figure.rows]
    numeric = [any(line[i][1] for line in cells) for i in range(len(figure.columns))]
    tag = ['class="number"' if is_number else "" for is_number in numeric]
    head = "".join(f"<th scope=col {tag[i]}>{escape(column.heading)}</th>"
                   for i, column in enumerate(figure.columns))
    body = "".join("<tr>" + "".join(f"<td {tag[i]}>{content}</td>"
                                    for i, (content, _) in enumerate(line)) + "</tr>"
                   for line in cells)
    return (f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def check_line(check):
    """With a meter: how much of the limit is used (or reached, where it is a least)."""
    part = check.value / check.limit if check.limit else 0
    width = min(part, 1.5) / 1.5 * 100
    limit, failed = ("at most", "exceeded") if check.at_most else ("at least", "missed")
    verdict = "" if check.ok else f": <em>{failed}</em>"
    return (f'<li>{KEPT if check.ok else EXCEEDED}<span class="what">{escape(check.what)}</span>'
            f'<span class="values"><b>{number(check.value)}</b> of {limit} '
            f'{number(check.limit)}{verdict}</span>'
            f'<span class="meter {"kept" if check.ok else "exceeded"}">'
            f'<i style="width:{width:.1f}%"></i></span></li>')


def checks_of(figure):
    """Limits that were exceeded are always shown; those that were kept unfold if they are many."""
    kept = [check for check in figure.checks if check.ok]
    others = [check for check in figure.checks if not check.ok]
    few = len(figure.checks) <= 4

    def as_list(checks):
        return f'<ul class="checks">{"".join(map(check_line, checks))}</ul>' if checks else ""

    if few:
        return as_list(figure.checks)
    what = "All" if not others else f"{len(kept)} of"
    return as_list(others) + (
        f"<details><summary>{KEPT}{what} {len(figure.checks)} limits kept</summary>{as_list(kept)}"
        "</details>" if kept else "")


def row_of(figure):
    """In the table of limits (README.md)."""
    return f"row{'s' * (',' in figure.number)} {figure.number}"


def section(figure):
    plots = "".join(f"<figure><figcaption>{escape(plot.title)}</figcaption>{svg(plot)}</figure>"
                    for plot in figure.plots if any(series.points for series in plot.series))
    notes = "".join(f"<li>{escape(note)}</li>" for note in figure.notes)
    row = f'<span class="row">{escape(row_of(figure))}</span>' if figure.number else ""
    return (f'<section id="{figure.name}"><h2>{escape(figure.title)} {row}</h2>'
            f"<p>{escape(figure.text)}</p>"
            + (f'<div class="plots">{plots}</div>' if plots else "")
            + checks_of(figure) + table(figure)
            + (f'<ul class="notes">{notes}</ul>' if notes else "") + "</section>")


def contents(figures):
    def entry(figure):
        ok = all(check.ok for check in figure.checks)
        mark = (KEPT if ok else EXCEEDED) if figure.checks else ""
        return f'<a href="#{figure.name}">{mark}{escape(figure.name)}</a>'
    return "<nav>" + "".join(map(entry, figures)) + "</nav>"


def headline(checks):
    kept = sum(check.ok for check in checks)
    if not checks:
        return "Measured, without a limit to keep"
    if kept == len(checks):
        return KEPT + (f"All {kept} limits kept" if kept > 2 else f"{kept} of {kept} limits kept")
    return f"{EXCEEDED}{kept} of {len(checks)} limits kept"


def duration(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def left_out(facts):
    names = facts["left_out"] + ["the systems to compare with"] * facts["without_peers"]
    if not names:
        return ""
    return f"<div><dt>Left out of this run</dt><dd>{escape(', '.join(names))}</dd></div>"


def page(facts, figures):
    checks = [check for figure in figures for check in figure.checks]
    machine = facts["machine"]
    date = datetime.datetime.fromisoformat(facts["date"])
    deliveries = sum(row.get("deliveries", 0) for figure in figures for row in figure.rows)
    counted = f"Of {deliveries / 1e6:,.0f} million deliveries" if deliveries > 2e6 else ""
    busy = ('<p class="busy">Something else was running on this machine when the run began (load '
            f"average {machine['load_average_before']:.1f}): the figures may be off.</p>"
            if machine["busy"] else "")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Channel: the bench</title>
<style>{STYLE.read_text()}</style></head><body>
<header><p class="kicker">Channel, measured</p>
<h1>{headline(checks)}</h1>
<p class="lead">What one message costs the edge and the channel service, beside the kernel's own
limit and beside others who do the same work on the same machine, in turns, in the same run.
{counted} {"none" if counted else "No message"} was lost, repeated, reordered or damaged.</p>
<dl><div><dt>When</dt><dd>{date:%-d %B %Y, %H:%M} UTC</dd></div>
<div><dt>Machine</dt><dd>{machine["cpus"]} × {escape(machine["processor"])}, Linux
{escape(machine["kernel"])}</dd></div>
<div><dt>Run</dt><dd>{facts["length"]}, {duration(facts["seconds"])}; the hypervisor took
{machine["stolen"]:.1%} of the time</dd></div>{left_out(facts)}</dl>{busy}
{contents(figures)}</header>
<main>{"".join(map(section, figures))}</main>
<footer>Bars and points are medians of the rounds, whiskers go from the least to the greatest round,
dashed lines are limits. CPU is user and system time of the server processes, all threads.
How it is measured, and how to repeat it: <code>tests/bench/README.md</code>.</footer>
</body></html>
"""
