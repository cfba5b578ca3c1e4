"""Each page has one style sheet to wait for, and every sheet is in one."""

from __future__ import annotations

import re

import pytest

from portal.settings import ROOT
from portal.web.bundles import BUNDLES, sheets

SHEETS = {path.relative_to(ROOT / "static").as_posix() for path in ROOT.glob("static/**/*.css")}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "start"),
        ("/lessons/first", "bench"),
        ("/lessons/second", "site"),
        ("/lessons/first/quiz", "quiz"),
        ("/labs", "site"),
        ("/labs/sample-lab", "bench"),
        ("/me", "you"),
        ("/glossary", "glossary"),
        ("/notes", "notes"),
        ("/flights", "flights"),
        ("/nowhere", "site"),
        ("/patterns", "patterns"),
    ],
)
def test_a_page_waits_for_one_style_sheet(client, path, kind):
    head, _, body = client.get(path).text.partition("</head>")

    found = re.findall(r'<link rel="stylesheet" href="/static/v-[0-9a-f]{12}/([^"]+)">', head)
    assert found == [f"bundles/{kind}.css"]
    assert "stylesheet" not in body
    scripts = re.findall(r'<script src="[^"]+/([a-z0-9.-]+)"( defer)?[^>]*></script>', head)
    assert scripts == [("theme.js", ""), ("htmx-4.0.1.min.js", " defer"), ("late.js", " defer")]


@pytest.mark.parametrize("kind", BUNDLES)
def test_a_bundle_has_the_rules_of_its_sheets_in_their_order(client, kind):
    names = sheets(kind)

    text = client.get(f"/static/bundles/{kind}.css").text
    assert len(set(names)) == len(names)
    at = 0
    for name in names:
        sheet = (ROOT / "static" / name).read_text()
        strings = re.findall(r'/\*.*?\*/|("[^"]*")', sheet, re.DOTALL)
        assert not [string for string in strings if "/*" in string or "*/" in string]
        for line in re.sub(r"/\*.*?\*/", "\n", sheet, flags=re.DOTALL).splitlines():
            at = text.index(line.strip(), at)
    assert "/*" not in text and "@import" not in text and "@charset" not in text
    for address in re.findall(r'url\("([^"]+)"\)', text):
        assert (ROOT / "static/bundles" / address).resolve().is_file()


def test_every_sheet_is_in_a_bundle_or_in_a_view():
    views = ROOT.glob("templates/bench/views/*.html")
    linked = {
        name
        for view in views
        for name in re.findall(r"stylesheet\" href=\"{{ asset\('([^']+)'\)", view.read_text())
    }

    assert linked
    assert {name for kind in BUNDLES for name in sheets(kind)} | linked == SHEETS
