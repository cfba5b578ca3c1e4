"""What the lesson page is compared with: Flask and Jinja with nothing around them, a page of
BENCH_PAGE_BYTES that is one text in one template.

As cheap as such a page can be, for a fair comparison: the template is compiled once, and the
text is not put together for each visitor.
"""

from __future__ import annotations

import os

from flask import Flask, render_template
from jinja2 import DictLoader
from markupsafe import Markup

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head>
<body><h1>{{ title }}</h1>
{{ text }}
</body></html>
"""
PARAGRAPH = (
    "<p>A paragraph of a plain text, long enough to be a sentence that a person would read.</p>\n"
)

app = Flask(__name__)
app.jinja_loader = DictLoader({"page.html": PAGE})


def text(size: int) -> Markup:
    """As many paragraphs as make a page of about `size` bytes."""
    return Markup(PARAGRAPH * max(1, (size - len(PAGE)) // len(PARAGRAPH)))


TEXT = text(int(os.environ.get("BENCH_PAGE_BYTES", "40000")))


@app.get("/")
def page() -> str:
    """The page."""
    return render_template("page.html", title="A plain text", text=TEXT)
