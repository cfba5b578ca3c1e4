"""What is rendered once is the same for everyone; what differs is filled in for each request."""

from __future__ import annotations

import re

from markupsafe import Markup

from portal.web.once import Fragment, gap, once


def test_a_gap_is_filled_and_escaped():
    fragment = Fragment(f'<a href="{gap("next")}">{gap("words")}</a>')

    filled = fragment.fill(next='/labs?a=1&b="2', words=Markup("<b>go</b>"))

    assert filled == '<a href="/labs?a=1&amp;b=&#34;2"><b>go</b></a>'
    assert fragment.fill(next="/", words="<") == '<a href="/">&lt;</a>'


def test_what_is_filled_in_is_not_searched_for_gaps():
    assert Fragment(f"{gap('first')}").fill(first=gap("second")) == gap("second")


def test_a_fragment_is_rendered_once_for_each_key(app):
    rendered = iter(["first", "second"])
    with app.app_context():
        found = [once(key, lambda: next(rendered)).fill() for key in ("a", "a", "b")]

    assert found == ["first", "first", "second"]


def keys(page: str) -> list[str]:
    return re.findall(r'name="form-key" value="([0-9a-f]{32})"', page)


def test_each_form_of_each_page_has_a_key_of_its_own(client):
    found = [key for _ in range(3) for key in keys(client.get("/lessons/first").text)]

    assert len(found) == len(set(found)) >= 3


def test_a_question_has_the_same_options_for_everyone_in_an_order_of_their_own(app):
    orders = []
    for _ in range(12):
        browser = app.test_client()
        browser.post("/lessons/first/progress", data={"section": "the-end"})
        pages = [browser.get("/lessons/first").text for _ in range(2)]
        read = [re.findall(r'name="choice" value="([^"]+)"', page) for page in pages]
        assert read[0] == read[1]
        orders.append(tuple(read[0]))

    assert len({frozenset(order) for order in orders}) == 1
    assert len(set(orders)) > 1


def test_a_form_leads_back_to_the_page_that_it_stands_on(client):
    for address in ("/lessons/first", "/lessons/first?lab=sample-lab&amp;x=%22"):
        page = client.get(address.replace("&amp;", "&")).text
        backs = set(re.findall(r'name="next" value="([^"]*)"', page))
        assert {back for back in backs if not back.endswith("#bench")} == {address}


def engines_drawn(page: str) -> list[str]:
    return re.findall(r'<tspan class="engine-words">([^<]*)</tspan>', page)


def test_a_bench_with_other_settings_is_drawn_with_them(client):
    usual = engines_drawn(client.get("/lessons/first").text)

    assert "Memcached" not in usual
    assert "Memcached" in engines_drawn(client.get("/lessons/first?engine=memcached").text)
    assert engines_drawn(client.get("/lessons/first").text) == usual != []
