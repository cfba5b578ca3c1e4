"""The consoles on the page of a bench: turns, prompts, and our own words."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient

from portal.bench.turns import with_error_apart
from tests.waiting import eventually
from tests.web.faked_labs import FakedSandbox

LAB = "cache-aside"
HTMX = {"HX-Request": "true"}


def test_the_console_answers_a_fragment_or_a_page(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    fragment = client.post(
        f"/sandboxes/{opened.id}/console/cache", data={"command": "GET <b>x</b>"}, headers=HTMX
    ).text
    page = client.post(f"/sandboxes/{opened.id}/console/cache", data={"command": "PING"}).text

    assert fragment.startswith('<div class="turn" data-prompt="">')
    assert "GET &lt;b&gt;x&lt;/b&gt;" in fragment
    assert "<!doctype html>" in page
    assert "It was told: PING" in page


def test_a_console_s_prompt_is_on_the_page_and_before_the_next_command(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    url = f"/sandboxes/{opened.id}/console/database"

    begun = client.post(url, data={"command": "begin"}, headers=HTMX).text
    eventually(lambda: opened.state.consoles.get("database", {}).get("prompt") == "=*")
    page = client.get(f"/labs/{LAB}").text
    later = client.post(url, data={"command": "commit", "prompt": "=*"}, headers=HTMX).text

    assert 'data-prompt="=*"' in begun
    assert "database<span data-prompt-now>=*</span>&gt;" in page
    assert '<input type="hidden" name="prompt" value="=*"' in page
    assert '<span class="prompt">database=*&gt; </span>commit' in later
    assert 'data-prompt=""' in later


def test_what_was_pasted_reaches_the_console_with_its_lines(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    pasted = "select price -- all\r\nwhere product_id = 1;\r\n"

    fragment = client.post(
        f"/sandboxes/{opened.id}/console/database", data={"command": pasted}, headers=HTMX
    ).text

    assert "It was told: select price -- all\nwhere product_id = 1;\n<" in fragment


def test_several_pasted_commands_are_several_turns(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    url, pasted = f"/sandboxes/{opened.id}/console/cache", {"command": "GET a\r\nGET b"}

    fragment = client.post(url, data=pasted, headers=HTMX).text
    page = client.post(url, data=pasted).text

    for html in (fragment, page):
        assert html.count('<div class="turn"') == 2
        assert "</span>GET a</span>" in html and "</span>GET b</span>" in html


def test_a_blank_line_is_sent_to_a_console_that_waits(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    url = f"/sandboxes/{opened.id}/console/cache"

    waiting = client.post(url, data={"command": "  ", "prompt": "(2 bytes)"}, headers=HTMX)
    idle = client.post(url, data={"command": "  ", "prompt": ""}, headers=HTMX)

    assert "It was told:   <" in waiting.text
    assert idle.status_code == 422


def test_our_words_stand_apart_from_the_server_s(client: FlaskClient, opened: FakedSandbox) -> None:
    assert (
        client.post(f"/sandboxes/{opened.id}/servers/cache", data={"verb": "kill"}).status_code
        == 303
    )

    fragment = client.post(
        f"/sandboxes/{opened.id}/console/cache", data={"command": "PING"}, headers=HTMX
    ).text

    assert '<span class="ours">The server does not answer.' in fragment
    assert 'class="err"' not in fragment


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (
            " one\n-----\n   1\n(1 row)\n\nERROR:  division by zero",
            '<span class="out"> one\n-----\n   1\n(1 row)</span>'
            '<span class="err">ERROR:  division by zero</span>',
        ),
        (
            'ERROR:  syntax error at or near "x"\nLINE 1: x\n        ^',
            '</span><span class="err">ERROR:  syntax error',
        ),
        (
            "a\nERROR:  one\nERROR:  two",
            '<span class="out">a\nERROR:  one</span><span class="err">',
        ),
    ],
)
def test_only_the_error_of_several_results_is_red(app: Flask, output: str, shown: str) -> None:
    turn = {
        "server": "database",
        "language": "sql",
        "before": "",
        "command": "select 1 as one; select 1 / 0",
        "output": output,
        "failed": True,
        "took_ms": 1.0,
    }

    with app.app_context():
        html = render_template("bench/_turn.html", turn=with_error_apart(turn))

    assert shown in html


def test_an_error_in_a_value_is_no_error() -> None:
    turn = {"language": "sql", "failed": False, "output": "ERROR:  copied"}

    assert with_error_apart(turn) == turn


def test_the_page_with_an_answer_leads_on_to_pages(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    """It is answered at the address of the form, which takes no GET."""
    page = client.post(
        f"/sandboxes/{opened.id}/console/cache",
        data={"command": "PING"},
        headers={"Referer": f"http://localhost/labs/{LAB}?gear=step"},
    ).text

    gears = re.findall(r'href="([^"]+)" data-gear-tab', page)
    assert len(gears) == 3
    assert {client.get(unescape(gear)).status_code for gear in gears} == {200}
    assert all(gear.startswith(f"/labs/{LAB}?gear=") for gear in gears)
