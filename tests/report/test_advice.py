"""An advice as text, JSON and HTML."""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "advisor"))
from figures import SERIAL, around, measured, threads

from iobound.advisor.recommend import recommend

ADVICE = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}, name="<b>thumb", others=1.5))
TEXT = """\
<b>thumb: plain, 41 ms per call, 38 ms waiting (93%), 3 ms CPU, of which 1.45 ms (+- 50 us) holding the GIL
  model     c  items/s  95% interval  vs serial    p99       RSS  start-up  note
  threads  32      610      604..616      25.0x  82 ms  +0.0 MiB      1 ms  GIL busy 88%: the ceiling
  serial    1     24.4    24.2..24.6      1.00x  82 ms  +0.0 MiB      1 ms
Recommendation: threads, concurrency 32 (clear)
"""


def test_the_text_is_a_table_and_paragraphs():
    lines = str(ADVICE).splitlines()
    assert "\n".join(lines[:5]) + "\n" == TEXT
    titles = [line.strip().split(":")[0] for line in lines[5:] if line.startswith("  ") and line[2] != " "]
    assert titles == ["Why", "What would change it", "Excluded", "Not measured", "How", "Warning", "Use it"]


def test_no_line_is_too_long_for_a_terminal():
    assert max(map(len, str(ADVICE).splitlines())) <= 120


def test_the_facts_are_json_with_every_trial():
    told = json.loads(json.dumps(ADVICE.to_dict()))
    assert told["recommended"] == {"model": "threads", "concurrency": 32}
    assert told["verdict"] == "clear"
    assert told["rows"][0]["trials"] == around(610)
    assert told["split"]["gil"] == {"low": 0.0014, "middle": 0.00145, "high": 0.0015}
    assert told["curve"][0] == {"model": "serial", "concurrency": 1, "rate": around(24.4)[0]}
    assert told["warnings"][0]["hint"].startswith("stop them")


class Page(HTMLParser):
    """Which tags are opened, and what is left open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, attrs))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_notebook_shows_html_in_which_names_are_no_tags():
    page = Page(ADVICE._repr_html_())
    assert not page.open
    assert "b" not in [tag for tag, _ in page.seen]
    assert [tag for tag, _ in page.seen].count("tr") == 3


def test_the_page_needs_nothing_else(tmp_path):
    ADVICE.save(tmp_path / "advice.html")
    page = Page((tmp_path / "advice.html").read_text(encoding="utf-8"))
    assert not page.open
    assert not [attrs for _, attrs in page.seen if {"src", "href"} & {name for name, _ in attrs}]
