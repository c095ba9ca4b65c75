"""Plots as SVG, without a library. All are drawn 350 units wide, about a telephone's width, so that
the text is as large as the page's on a telephone and larger on a wide screen."""

import math
from html import escape

from figure import Spread, middle

WIDTH = 350
FONT = 12.5  # units; the style sheet says the same
CHARACTER = 6.7  # units of width, on average, in that size
LOG_FROM = 30  # greatest to least: bars in a logarithmic scale, which have no 0, are worth it


def number(value):
    """With three or four digits that count."""
    if isinstance(value, str):
        return value
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.095 else f"{value:.3f}"


def text_width(text):
    return len(text) * CHARACTER


def least(value):
    return value.least if isinstance(value, Spread) else value


def greatest(value):
    return value.greatest if isinstance(value, Spread) else value


class Scale:
    """From values to units on an axis, with round ticks. Linear scales begin at 0."""

    def __init__(self, values, first, last, log=False, exact=False):
        values = [value for value in values if value > 0 or not log]
        low, high = min(values), max(values)
        self.log, self.first, self.last = log, first, last
        if log:
            self.ticks = self._log_ticks(low, high)
            self.low, self.high = ((low, high * 1.0001) if exact else
                                   (min(low, self.ticks[0]), max(high, self.ticks[-1])))
        else:
            self.ticks = self._round_ticks(high)
            self.low, self.high = 0, max(high * 1.02, self.ticks[-1] if exact else 0) or 1
        self.ticks = [tick for tick in self.ticks if self.low <= tick <= self.high]

    @staticmethod
    def _round_ticks(high):
        rough = high / 4 or 1
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
        return [i * step for i in range(int(high / step + 1e-9) + 1)]

    @staticmethod
    def _log_ticks(low, high):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        decades = [10 ** power for power in powers]
        if high / low >= 30:
            return [tick for tick in decades if low / 10 < tick < high * 10]
        return [tick * factor for tick in decades for factor in (1, 2, 5)
                if low / 2.5 < tick * factor < high * 2.5]

    def label(self, tick):
        """With as many decimals as the steps have."""
        if self.log or len(self.ticks) < 2:
            return f"{tick:g}" if tick < 1 else number(tick)
        step = self.ticks[1] - self.ticks[0]
        decimals = next(i for i in range(9) if abs(round(step, i) - step) < step / 1000)
        return f"{tick:,.{decimals}f}" if tick else "0"

    def __call__(self, value):
        if self.log:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = value / self.high
        return self.first + part * (self.last - self.first)


def text(x, y, content, style="", anchor="start"):
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    style = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{place}{style}>{escape(content)}</text>'


def line(x1, y1, x2, y2, style):
    return f'<path class="{style}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def frame(plot, height, parts):
    return (f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
            f'aria-label="{escape(plot.title, quote=True)}">{"".join(parts)}</svg>')


def is_ours(name):
    """Whether a series is the product's."""
    return any(word in name.lower() for word in ("channel", "edge"))


def colours(names, greys=True):
    """The class of each series. Where the product stands beside others it has the first colour, and
    the others have greys if they are not to be told apart by colour."""
    if any(map(is_ours, names)) and not all(map(is_ours, names)):
        others = iter(range(len(names)))
        return ["c0" if is_ours(name) else f"o{next(others) % 3}" if greys else
                f"c{next(others) % 5 + 1}" for name in names]
    return [f"c{i % 4}" for i in range(len(names))]


def bars(plot):
    """Bars from left to right, each below its own label, so that no label can be too long."""
    values = [point for series in plot.series for _, point in series.points]
    limits = limit_of_each(plot)
    ends = [greatest(value) for value in values] + [y for y in limits.values() if y]
    lows = [least(value) for value in values]
    log = plot.log_y and min(lows) > 0 and max(ends) / min(lows) >= LOG_FROM
    room = max(text_width(number(middle(value))) for value in values) + 14
    scale = Scale(ends + (lows if log else []), 1, WIDTH - room, log)
    names = list(dict.fromkeys(x for series in plot.series for x, _ in series.points))
    alone = len(plot.series) == 1
    classes = (colours([series.name for series in plot.series]) if not alone else
               colours(names) if any(map(is_ours, names)) else ["c0"] * len(names))
    parts, y = [], 4
    spans = []  # of the limits
    for index, name in enumerate(names):
        if not alone and len(names) > 1:
            y += 17
            parts.append(text(0, y, str(name), "strong"))
            y += 3
        top = y
        for place, series in enumerate(plot.series):
            value = dict(series.points).get(name)
            if value is None:
                continue
            style = classes[index if alone else place]
            y += 15
            parts.append(text(0, y, str(name) if alone else series.name))
            y += 6
            parts.append(text(WIDTH, y + 10, number(middle(value)), "value", "end"))
            parts.append(f'<rect class="{style}" x="0" y="{y:.1f}" height="11" rx="2" '
                         f'width="{max(scale(middle(value)), 1):.1f}"/>')
            if isinstance(value, Spread) and value.greatest > value.least:
                parts.append(whisker(scale(value.least), y + 5.5, scale(value.greatest), y + 5.5))
            y += 16
        spans.append((limits.get(name), top + 12, y))
        y += 5
    # Below the text, which has a rim that parts the line.
    parts[:0] = [line(scale(limit), top, scale(limit), bottom, "limit")
                 for limit, top, bottom in spans if limit]
    y += 2
    parts += [line(0, y, scale.last, y, "axis"), *ticks_below(scale, y)]
    y += 34
    y_label = plot.y_label + ", logarithmic" * log
    parts.append(text(0, y, y_label, "muted"))
    if plot.limit:
        label = f"┆ {plot.limit[0]}: " + ", ".join(dict.fromkeys(map(number, limits.values())))
        y += 17 * too_wide(y_label, label)
        parts.append(text(WIDTH, y, label, "limit-text", "end"))
    return frame(plot, y + 6, parts)


def too_wide(*texts):
    """For one line, one at its left and one at its right."""
    return sum(map(text_width, texts)) > WIDTH - 8


def limit_of_each(plot):
    """The limit of each bar's x; a plot has one limit for all, or a list of them."""
    names = list(dict.fromkeys(x for series in plot.series for x, _ in series.points))
    if not plot.limit:
        return {}
    limit = plot.limit[1]
    return dict(zip(names, limit if isinstance(limit, (list, tuple)) else [limit] * len(names)))


def whisker(x1, y1, x2, y2):
    if y1 == y2:
        caps = f"M{x1:.1f} {y1 - 3:.1f}v6M{x2:.1f} {y1 - 3:.1f}v6"
    else:
        caps = f"M{x1 - 3:.1f} {y1:.1f}h6M{x1 - 3:.1f} {y2:.1f}h6"
    return f'<path class="whisker" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}{caps}"/>'


def ticks_below(scale, y):
    parts, end = [], -math.inf
    for tick in scale.ticks:
        x, label = scale(tick), scale.label(tick)
        half = text_width(label) / 2
        middle_x = min(max(x, half), WIDTH - half)
        if middle_x - half < end + 6:
            continue
        end = middle_x + half
        parts += [line(x, y, x, y + 4, "axis"), text(middle_x, y + 16, label, "muted", "middle")]
    return parts


def lines(plot):
    """Lines with their names at their right ends, or above if a name is long."""
    ys = [value for series in plot.series for _, value in series.points]
    xs = sorted({x for series in plot.series for x, _ in series.points})
    limit = plot.limit[1] if plot.limit else None
    names = [series.name for series in plot.series] if len(plot.series) > 1 else [""]
    styles = colours([series.name for series in plot.series], greys=False)
    beside = max(map(text_width, names))
    parts, top = [], 12
    if beside > WIDTH / 4:
        for name, style in zip(names, styles):
            parts += [f'<circle class="{style}" cx="5" cy="{top - 4}" r="4"/>',
                      text(16, top, name)]
            top += 17
        names, beside = [""] * len(names), 0
    parts.append(text(0, top, plot.y_label, "muted"))
    if limit:
        label = f"┄ {plot.limit[0]}: {number(limit)}"
        top += 17 * too_wide(plot.y_label, label)
        parts.append(text(WIDTH, top, label, "limit-text", "end"))
    bottom = top + 200
    y_scale = Scale([greatest(y) for y in ys] + ([limit] if limit else []) +
                    ([least(y) for y in ys] if plot.log_y else []), bottom, top + 16, plot.log_y,
                    exact=True)
    labels = {tick: y_scale.label(tick) for tick in y_scale.ticks}
    left, right = max(map(text_width, labels.values())) + 6, WIDTH - beside - 14
    for tick, label in labels.items():
        y = y_scale(tick)
        parts += [line(left, y, right, y, "grid"),
                  text(left - 6, y + 4, label, "muted", "end")]
    x_scale = Scale(xs, left + 6, right, plot.log_x, exact=True)
    if len(xs) <= 8:
        x_scale.ticks = xs
    parts += [line(left, bottom, right, bottom, "axis"), *ticks_below(x_scale, bottom)]
    parts.append(text((left + right) / 2, bottom + 34, plot.x_label, "muted", "middle"))
    if limit:
        parts.append(line(left, y_scale(limit), right, y_scale(limit), "limit"))
    ends = []
    for series, name, style in zip(plot.series, names, styles):
        places = [(x_scale(x), y_scale(middle(value))) for x, value in series.points]
        parts += curve(series, places, y_scale, style)
        ends.append([places[-1][1], places[-1][0], name, style])
    for y, x, name, style in apart(ends):
        parts.append(text(x + 8, y + 4, name, f"name {style}"))
    return frame(plot, bottom + 42, parts)


def curve(series, places, y_scale, style):
    """The whiskers, the line, and a dot for each point."""
    parts = [whisker(at, y_scale(value.least), at, y_scale(value.greatest))
             for (_, value), (at, _) in zip(series.points, places)
             if isinstance(value, Spread) and value.greatest > value.least]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    parts.append(f'<path class="line {style}" d="M{path}"/>')
    return parts + [f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
                    for x, y in places]


def apart(ends):
    """Moves labels that would overlap down."""
    ends.sort()
    for above, below in zip(ends, ends[1:]):
        below[0] = max(below[0], above[0] + FONT + 2)
    return ends


def svg(plot):
    return bars(plot) if plot.kind == "bars" else lines(plot)
