"""What a measuring run leaves behind: Markdown to read, JSON with every sample."""

import json
import os
import platform
import subprocess
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bars import Bar, Interval, Relation
from protocol import HERE, Measured

RESULTS = HERE / "results"
METRICS = {
    "cpu_us": ("CPU", "us/item"),
    "wall_us": ("wall", "us/item"),
    "cpu_ms": ("CPU", "ms"),
    "wall_ms": ("wall", "ms"),
    "delay_ms": ("delay", "ms"),
    "kib": ("resident", "KiB each"),
}
"""What a metric measures, and its unit."""


def machine_box() -> dict[str, str]:
    """What a figure depends on, apart from the program and its Python."""
    load = " ".join(f"{each:.2f}" for each in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return {
        "CPU": cpu_model(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "load": load,
        "date": datetime.now().astimezone().isoformat(" ", "minutes"),
        "commit": commit(),
    }


def cpu_model() -> str:
    """The name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit measured, with a + if the work tree differs from it."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"  # noqa: PLR2004 - not as 1e+03


def interval(found: Interval | None) -> str:
    """A median and its interval."""
    return f"{found.median:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else "-"


def rows(lines: list[list[str]]) -> str:
    """A Markdown table; the first line is its head."""
    head, *body = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *body])


def relation_sign(relation: Relation) -> str:
    """How a relation to the base is written in a heading."""
    return "over" if relation == "difference" else "x"


def head_of(measured: Measured) -> list[str]:
    """The heading of a table: each metric by itself and seen from the base."""
    table = measured.table
    sign = relation_sign(table.relation)
    parts = [[" ".join(METRICS[metric]), "min", f"{sign} {table.base} [90 %]"] for metric in table.metrics]
    return ["program", "Python", *(heading for part in parts for heading in part)]


def row_of(measured: Measured, name: str) -> list[str]:
    """One program: median and minimum of every metric, and its relation to the base."""
    table = measured.table
    samples = measured.samples(name)
    if name in measured.absent or not samples:
        reason = measured.absent.get(name, "not measured")
        return [name, "-", f"*{reason}*", *["-"] * (3 * len(table.metrics) - 1)]
    version = samples[0].get("version")
    cells = [f"{name} {version}" if version else name, samples[0]["python"]]
    for metric in table.metrics:
        values = [sample[metric] for sample in samples]
        seen = measured.interval(Bar(name, metric, 0, table.base, table.relation))
        cells += [number(median(values)), number(min(values)), interval(seen) if name != table.base else "-"]
    return cells


def bar_text(bar: Bar) -> str:
    """A bar in words."""
    quantity, unit = METRICS[bar.metric]
    if bar.at_least:
        return f"{bar.base}: >= {bar.limit:g}x faster than {bar.subject}, {quantity}"
    if bar.base is None:
        return f"{bar.subject}: {quantity} <= {bar.limit:g} {unit}" + (f" on {bar.only}" if bar.only else "")
    if bar.relation == "difference":
        return f"{bar.subject}: {quantity} <= {bar.limit:g} {unit} over {bar.base}"
    return f"{bar.subject}: {quantity} <= {bar.limit:g}x {bar.base}"


def bar_rows(measured: Measured) -> list[list[str]]:
    """The bars of a table, judged."""
    lines = [["bar", "measured [90 %]", "rounds", "verdict"]]
    for bar in measured.table.bars:
        found, verdict = measured.verdict(bar)
        claim = f"{verdict} (trial)" if measured.trial else f"**{verdict}**"
        lines.append([bar_text(bar), interval(found), str(len(measured.values(bar))), claim])
    return lines


def conditions(measured: Measured) -> str:
    """The A/A figures, and how quiet it was."""
    table = measured.table
    intervals = {METRICS[metric][0]: measured.again(metric, table.relation) for metric in table.metrics}
    figures = [f"{quantity} {interval(found)}" for quantity, found in intervals.items()]
    others = [sample["others"] for name in table.everyone for sample in measured.samples(name)]
    busy = f"{median(others):.2f}" if others else "?"
    quiet = f"Others took {busy} cores; waited {measured.gate.waited:.0f} s for quiet."
    return f"A/A ({table.base} twice): {'; '.join(figures)}. {quiet}"


def section(measured: Measured) -> str:
    """One table with its bars."""
    table = measured.table
    body = rows([head_of(measured), *(row_of(measured, name) for name in table.everyone)])
    parts = [f"## {table.title}", table.notes, body, conditions(measured)]
    if table.bars:
        parts.append(rows(bar_rows(measured)))
    return "\n\n".join(part for part in parts if part)


def data_of(measured: Measured) -> dict[str, Any]:
    """Everything there is about one table, with every sample."""
    verdicts = [(bar, *measured.verdict(bar)) for bar in measured.table.bars]
    return {
        "title": measured.table.title,
        "base": measured.table.base,
        "absent": measured.absent,
        "bars": [
            {"bar": bar_text(bar), "verdict": verdict, "measured": found and found._asdict()}
            for bar, found, verdict in verdicts
        ],
        "samples": {name: samples_of(measured, name) for name in measured.table.everyone},
    }


def samples_of(measured: Measured, name: str) -> dict[str, list[Any]]:
    """Every metric of one program as a list with an entry for each round, `None` where it did not run."""
    metrics = measured.samples(name)[0] if measured.samples(name) else ()
    return {metric: [samples.get(name, {}).get(metric) for samples in measured.rounds] for metric in metrics}


def page(title: str, box: dict[str, str], sections: list[str], trial: bool) -> str:
    """Everything a run found, to read."""
    boxed = "; ".join(f"{key}: {value}" for key, value in box.items())
    parts = [f"# {title}", boxed + ".", *sections]
    if trial:
        parts.insert(1, "**A trial: too few rounds or too little work to claim anything.**")
    return "\n\n".join(parts) + "\n"


def publish(name: str, text: str, data: dict[str, Any], trial: bool) -> None:
    """Print a page; unless it is a trial, keep it and its data under `results/`."""
    print(text, flush=True)
    if trial:
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    (RESULTS / f"{name}.json").write_text(json.dumps(data) + "\n", encoding="utf-8")


def publish_tables(name: str, title: str, tables: list[Measured], box: dict[str, str]) -> None:
    """Publish measured tables as one page, named after the section and the Python they are from."""
    samples = [sample for measured in tables for sample in measured.samples(measured.table.base)]
    python = ".".join(samples[0]["python"].split(".")[:2]) if samples else "none"
    trial = any(measured.trial for measured in tables)
    text = page(title, box, [section(measured) for measured in tables], trial)
    data = {"box": box, "python": python, "tables": [data_of(measured) for measured in tables]}
    publish(f"{name}-py{python}", text, data, trial)
