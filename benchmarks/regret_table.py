"""What `regret.py` leaves behind: a record for each workload, merged into the results, and the table of all of them."""

import json
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bars import bootstrap
from oracle import PARTS, verdicts
from report import RESULTS, interval, number, page, publish, rows
from zoo import ZOO
from zoo_sample import ASYNC_PEERS, PLAIN_PEERS

NAME = "regret-py{}.{}".format(*sys.version_info)
PEERS = (*PLAIN_PEERS, *ASYNC_PEERS)
HEAD = [
    "workload",
    "oracle",
    "goodput/s",
    "cores: client / all",
    "auto's limit at the end, and why",
    *(f"{part} [90 %]" for part in PARTS.values()),
]
NOTES = """Goodput (results per second, failures not counted) of `iobound.map(fn, items)` without options, as a share of
the oracle's: 1.00 is no regret. The oracle is the best fixed (model, concurrency) that a search over the powers of two
found. *Cores*: those that its process kept busy, and all processes together, the other side included; where the client
takes one in Python code, or all take all there are, CPU is the limit. The columns of other libraries are their
defaults, once, on a third of the work; a hyphen: not for functions of this colour. Where more than 100/s are refused,
status 429 comes without `Retry-After`, and iobound has `retry=8, errors="collect"`, as the oracle does."""
Record = Mapping[str, Any]


def stored() -> dict[str, Any]:
    """The records that are kept, by workload."""
    path = RESULTS / f"{NAME}.json"
    if not path.exists():
        return {}
    records: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["workloads"]
    return records


def merge(records: Mapping[str, Any]) -> None:
    """Keep records; those of other workloads stay."""
    data = {"workloads": merged(stored(), records)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{NAME}.json").write_text(json.dumps(data) + "\n", encoding="utf-8")


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The newest of each, in the order of the zoo; what is no longer in it is dropped."""
    both = {**old, **new}
    return {name: both[name] for name in ZOO if name in both}


def publish_table(records: Mapping[str, Any], trial: bool) -> None:
    """Print everything; unless it is a trial, keep it."""
    if records:
        box = boxes([record["box"] for record in records.values()])
        text = page("Regret: the defaults beside the best of a search", box, sections(records, trial), trial)
        publish(NAME, text, {"workloads": records}, trial)


def boxes(each: Sequence[dict[str, str]]) -> dict[str, str]:
    """The machine, with every value that was met: workloads may have been measured apart."""
    span = {key: list(dict.fromkeys(box[key] for box in each)) for key in each[0]}
    return {key: values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}" for key, values in span.items()}


def sections(records: Mapping[str, Any], trial: bool) -> list[str]:
    """The notes, a row for each workload, and the bars."""
    lines = [[*HEAD, *PEERS], *(row_of(name, record) for name, record in records.items())]
    return [NOTES, rows(lines), quiet(records), bar_section(records, trial)]


def quiet(records: Mapping[str, Any]) -> str:
    """What other programs took of the machine."""
    taken = [each for record in records.values() for sample in record["samples"].values() for each in sample["others"]]
    return f"Others took {median(taken):.2f} cores beside a run, at most {max(taken):.2f}."


def bar_section(records: Mapping[str, Any], trial: bool) -> str:
    """The bars, judged only if every workload was measured."""
    ratios = {part: [record["ratios"][part] for record in records.values()] for part in PARTS}
    lines = [["bar", "at least", "measured [90 %]", "workloads", "verdict"]]
    for text, limit, found, verdict in verdicts(ratios):
        claim = "(trial)" if trial else f"**{verdict}**" if len(records) == len(ZOO) else "(workloads are missing)"
        lines.append([text, f"{limit:.2f}", interval(found), f"{len(records)} of {len(ZOO)}", claim])
    return rows(lines)


def row_of(name: str, record: Record) -> list[str]:
    """One workload."""
    best = record["samples"][record["oracle"]]
    figures = [interval(bootstrap(record["ratios"][part])) for part in PARTS]
    return [
        f"`{name}`: {record['about']}",
        record["oracle"],
        number(median(best["whole"])),
        f"{median(best['cpu']):.1f} / {median(best['busy']):.1f}",
        choice(record),
        *figures,
        *(peer(record, name) for name in PEERS),
    ]


def choice(record: Record) -> str:
    """What auto came to: its model, where it tells, and its last limit in each round."""
    auto = record["samples"]["auto"]
    limits = sorted(auto["limit"])
    span = f"{limits[0]}" if limits[0] == limits[-1] else f"{limits[0]} to {limits[-1]}"
    return ", ".join(filter(None, [auto["model"][-1], span, auto["limited_by"][-1]]))


def peer(record: Record, name: str) -> str:
    """The default of another library."""
    share = record["peers"].get(name, "-")
    return share if share == "-" else f"{share:.2f}" if isinstance(share, float) else f"*{share}*"


def line_of(name: str, record: Record) -> str:
    """One workload in a line, for who tunes."""
    figures = [f"{text} {interval(bootstrap(record['ratios'][part]))}" for part, text in PARTS.items()]
    limits = record["samples"]["auto"]["limits"][-1]
    other = next((each for each, _ in record["search"] if each != record["oracle"]), "nothing else")
    goodput = number(median(record["samples"][record["oracle"]]["whole"]))
    return (
        f"{name}: oracle {record['oracle']} (or {other}) {goodput}/s; auto {', '.join(figures)}; "
        f"came to {choice(record)}; on its way {' '.join(map(str, limits))}"
    )
