"""What the web tests read on the page of a quiz."""

from __future__ import annotations

import re
from collections.abc import Mapping

HTMX = {"HX-Request": "true"}
STEPS = {
    "The app asks the cache.": "1st",
    "The cache says no.": "2nd",
    "The app asks the database.": "3rd",
    "The app fills the cache with SET.": "4th",
}
PAIRS = {
    "GET page:42": "reads a value",
    "DEL page:42": "deletes a key",
    "TTL page:42": "says how long it stays",
}


def card(page: str, question: str) -> str:
    """The markup of a question."""
    found = re.search(rf'id="q-{question}".*?</section>', page, re.DOTALL)
    assert found
    return found[0]


def option(client, question: str, text: str, lesson: str = "first") -> str:
    """The value of the option with this text."""
    shown = card(client.get(f"/lessons/{lesson}/quiz?again={question}").text, question)
    value = re.search(rf'value="([0-9a-f]+)"[^>]*><(span|code)[^>]*>{re.escape(text)}</', shown)
    assert value, shown
    return value[1]


def selects(shown: str) -> dict[str, tuple[str, dict[str, str]]]:
    """The rows of a question in their order: the text, the name of its field, and the value of each
    text that can be chosen.
    """
    found = re.findall(
        r"<label for=[^>]*>(.*?)</label>\s*<select.*?name=.(.*?).>(.*?)</select>", shown
    )
    return {
        in_words(text): (
            name,
            {words: value for value, words in re.findall(r'value="(\w+)"[^>]*>([^<]*)<', options)},
        )
        for text, name, options in found
    }


def placed(client, question: str, wanted: Mapping[str, str], page: str = "") -> dict[str, str]:
    """The form that chooses these texts for the rows of these texts."""
    page = page or client.get(f"/lessons/second/quiz?again={question}").text
    rows = selects(card(page, question))
    return {rows[row][0]: rows[row][1][choice] for row, choice in wanted.items()}


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
