"""The questions that ask what a server answers: their commands run in a learner's console, on a new
server, and its answer is the key and no other option.
"""

import time
from dataclasses import replace

import pytest
from markupsafe import escape

from labs.engines.registry import registry
from labs.sandbox.consoles import CONSOLES, LEARNER
from portal.content.loading import load
from portal.settings import ROOT


def traces(folder):
    """The name and the question of each trace of the lessons in this folder."""
    return [
        (f"{lesson.slug}-{question.id}", question)
        for lesson in load(folder).written
        for question in lesson.questions
        if question.kind == "trace"
    ]


LESSONS = traces(ROOT / "lessons")
[(_, SAMPLE)] = traces(ROOT / "tests" / "samples" / "lessons")
PAUSE_S = 1.1
"""Longer than the unit of a TTL: an answer that counts it down becomes another one."""


@pytest.fixture
def answer(request):
    """What a new server answers to the last of the commands, `pause_s` after the others."""

    def answer(question, pause_s=0.0):
        start = request.getfixturevalue(f"start_{question.server}")
        engine = start(f"cache-{len(consoles)}")
        console_of = CONSOLES[registry[engine.kind].console]
        console = console_of(engine.address, engine.access(LEARNER))
        consoles.append(console)
        for command in question.commands[:-1]:
            console.run(command)
        time.sleep(pause_s)
        return console.run(question.commands[-1]).output

    consoles = []
    yield answer
    for console in consoles:
        console.close()


def problem(question, output):
    """What is wrong with the options of a question that is answered so; "" if nothing is."""
    texts = {option.text.unescape(): option.right for option in question.options}
    [key] = [text for text, right in texts.items() if right]
    if key != output:
        return f"the key is {key!r}, the server answers {output!r}"
    alike = [text for text in texts if seen(text) == seen(output) and text != key]
    return f"{alike} can't be told from {output!r}" if alike else ""


def seen(text):
    """What a reader compares: case and blanks are overlooked."""
    return "".join(text.split()).casefold()


@pytest.mark.parametrize("question", [q for _, q in LESSONS], ids=[name for name, _ in LESSONS])
def test_the_key_is_what_the_server_answers(answer, question):
    assert not problem(question, answer(question))


@pytest.mark.parametrize("question", [q for _, q in LESSONS], ids=[name for name, _ in LESSONS])
def test_no_answer_depends_on_time_passing(answer, question):
    assert not problem(question, answer(question, PAUSE_S))


def test_the_sample_has_no_problem(answer):
    assert not problem(SAMPLE, answer(SAMPLE))


def test_a_memcached_answers_as_well(answer):
    question = replace(
        SAMPLE, server="memcached", commands=("set page:42 0 0 1 a", "append page:42 0 0 1\nb")
    )

    assert answer(replace(question, commands=(*question.commands, "get page:42"))) == (
        "VALUE page:42 0 2\nab\nEND"
    )


def test_another_key_is_found(answer):
    turned = tuple(replace(option, right=not option.right) for option in SAMPLE.options[:2])

    assert problem(replace(SAMPLE, options=turned), answer(SAMPLE)) == (
        "the key is '(integer) 60', the server answers '(integer) -1'"
    )


def test_another_command_is_found(answer):
    kept = replace(SAMPLE, commands=("SET page:42 a EX 60", "SET page:42 b KEEPTTL", "TTL page:42"))

    assert "the server answers '(integer) 60'" in problem(kept, answer(kept))


def test_another_option_that_also_matches_is_found(answer):
    twin = replace(SAMPLE.options[1], text=escape("(Integer)  -1"))

    assert "can't be told from" in problem(
        replace(SAMPLE, options=(*SAMPLE.options, twin)), answer(SAMPLE)
    )


def test_an_answer_that_depends_on_time_is_found(answer):
    counted = replace(SAMPLE, commands=("SET page:42 a EX 60", "TTL page:42"))
    right = replace(SAMPLE.options[1], right=True)
    question = replace(counted, options=(right, SAMPLE.options[2]))

    assert problem(question, answer(question, PAUSE_S))
