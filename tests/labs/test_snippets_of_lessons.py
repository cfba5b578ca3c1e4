"""The commands that the lessons run on a click, in a sandbox of the lab that they name: each is
answered, and not with an error that the text doesn't tell of.
"""

import pytest

from labs.headless import own_supervisor
from portal.content.loading import load
from portal.content.model import RunSnippet
from portal.settings import ROOT

SNIPPETS = [
    (lesson.slug, block)
    for lesson in load(ROOT / "lessons").lessons.values()
    for block in lesson.blocks
    if isinstance(block, RunSnippet)
]
REFUSED = {
    ("read-replicas", "SET greeting hello"): "READONLY You can't write against a read only replica."
}
"""What is meant to be refused, and how."""


@pytest.fixture(scope="module")
def ask():
    supervisor, directory = own_supervisor()
    opened = {}

    def ask(lab, server, command):
        if lab not in opened:
            opened[lab] = supervisor.open(lab, {})
        return supervisor.call(opened[lab], "console", server=server, command=command)

    try:
        yield ask
    finally:
        supervisor.close()
        directory.cleanup()


@pytest.mark.parametrize(
    ("lesson", "snippet"),
    SNIPPETS,
    ids=[f"{lesson}-{snippet.lab}-{snippet.command}" for lesson, snippet in SNIPPETS],
)
def test_a_snippet_is_answered(ask, lesson, snippet):
    answer = ask(snippet.lab, snippet.server, snippet.command)

    if expected := REFUSED.get((snippet.lab, snippet.command)):
        assert expected in answer["output"]
    else:
        assert not answer["failed"], answer["output"]
        assert answer["output"].strip()
