"""What the lesson page is compared with: Flask and Jinja with nothing around them, a page of about BENCH_PAGE_BYTES that is rendered from a list."""

from __future__ import annotations

import os

from flask import Flask, render_template_string

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head>
<body><h1>{{ title }}</h1>
<ul>
{% for item in items %}
<li><a href="/items/{{ item.number }}">{{ item.name }}</a> <span>{{ item.text }}</span></li>
{% endfor %}
</ul></body></html>
"""
TEXT = "A line of a plain list, long enough to be a sentence that somebody would read."

app = Flask(__name__)


def items(size: int) -> list[dict[str, object]]:
    """As many items as make a page of about so many bytes."""
    row = len(f'\n<li><a href="/items/100">Item 100</a> <span>{TEXT}</span></li>\n')
    return [{"number": number, "name": f"Item {number}", "text": TEXT} for number in range(1, max(1, (size - 160) // row) + 1)]


ITEMS = items(int(os.environ.get("BENCH_PAGE_BYTES", "40000")))


@app.get("/")
def page() -> str:
    """The page."""
    return render_template_string(PAGE, title="A plain list", items=ITEMS)
