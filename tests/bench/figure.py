"""The result of a measurement, to be printed, stored as JSON and drawn: plain values only."""

import statistics
from dataclasses import dataclass, field


class Spread:
    """Median, least and greatest of the rounds."""

    def __init__(self, values):
        self.rounds = list(values)
        self.median = statistics.median(self.rounds)
        self.least, self.greatest = min(self.rounds), max(self.rounds)

    def __format__(self, spec):
        return f"{self.median:{spec}} ({self.least:{spec}}-{self.greatest:{spec}})"


def in_turns(plan, rounds, measure, say=lambda text: None):
    """Returns for each round what `measure` says of each step of `plan`. The order turns each
    round. `say` is told of the rounds."""
    plan, results = list(plan), []
    for number in range(rounds):
        order = plan if number % 2 == 0 else plan[::-1]
        results.append({step: measure(step) for step in order})
        say(f"round {number + 1} of {rounds}")
    return results


def ratios(results, step, other, value):
    """The value of one step relative to another's, round by round."""
    return Spread(value(a_round[step]) / value(a_round[other]) for a_round in results)


def percentile(values, share):
    """The value that this share (0 to 1) of all is not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu_us(result):
    """CPU time of the servers for each delivery, of what a load client says."""
    return result["cpu_ns"] / result["deliveries"] / 1000


def per_second(result):
    return result["deliveries"] / result["wall_ns"] * 1e9


def middle(value):
    """The number that stands for a value of a row or a plot."""
    return value.median if isinstance(value, Spread) else value


def number(value):
    """With three or four digits that count."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.095 else f"{value:.3f}"


@dataclass
class Column:
    """A column of the table; `format` is a format specification for a number, a Spread or text."""
    key: str
    heading: str
    format: str = ""


@dataclass
class Check:
    """One limit of the bench; the run's exit code says whether all were kept."""
    what: str
    value: float
    limit: float
    at_most: bool = True

    @property
    def ok(self):
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@dataclass
class Series:
    name: str
    points: list  # (x, Spread or number); x is text for bars, a number for lines


def series_by(rows, name, x, value):
    """A series for each value in the column `name`; its points are from the columns `x` and
    `value`."""
    names = dict.fromkeys(row[name] for row in rows)
    return [Series(each if isinstance(each, str) else f"{each:,} {name}",
                   [(row[x], row[value]) for row in rows if row[name] == each]) for each in names]


@dataclass
class Plot:
    title: str
    x_label: str
    y_label: str
    kind: str  # "bars" or "lines"
    series: list  # of Series
    log_x: bool = False
    log_y: bool = False
    limit: tuple = None  # (label, y): a dashed line


@dataclass
class Figure:
    name: str  # of its module, and of --only
    number: str  # of rows in the table of README.md: "1, 2"
    title: str
    text: str  # what is measured, in one to three sentences
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)  # dictionaries: key of a Column to its value
    checks: list = field(default_factory=list)
    plots: list = field(default_factory=list)
    notes: list = field(default_factory=list)


def plain(value):
    """For json.dumps: what it does not know itself."""
    return vars(value) | ({"ok": value.ok} if isinstance(value, Check) else {})
