"""What the web tests read on the page of a quiz."""

from __future__ import annotations

import re

HTMX = {"HX-Request": "true"}


def option(client, question: str, text: str) -> str:
    """The value of the option with this text."""
    page = client.get("/lessons/first/quiz").text
    found = re.search(rf'id="q-{question}".*?</section>', page, re.DOTALL)
    assert found
    value = re.search(rf'value="([0-9a-f]+)"[^>]*><span>{re.escape(text)}</span>', found[0])
    assert value, found[0]
    return value[1]


def told(response) -> str:
    """What the answer to a form says of it."""
    found = re.search(r'class="told.*?</cg-verdict>', response.text, re.DOTALL)
    assert found
    return in_words(found[0].partition(">")[2])


def words(page: str) -> str:
    """The score in words."""
    found = re.search(r'id="quiz-words".*?</div>', page, re.DOTALL)
    assert found
    return in_words(found[0].partition(">")[2])


def in_words(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", "", html).split())


def boxes(page: str) -> list[str]:
    """The state of each question's box."""
    return re.findall(r'<li data-state="(\w+)"', page)
