"""The guide on a bench: every step in words, and what was met in an earlier sandbox is done."""

import re

from labs.catalogue import find
from labs.events import GuideMoved
from tests.waiting import eventually

GUIDE = find("cache-aside").guide


def bench_of(client):
    return client.get("/labs/cache-aside").text


def test_a_bench_shows_every_step_and_the_first_one_is_now(client, opened):
    page = bench_of(client)

    for step in GUIDE:
        assert step.do in page
    assert 'data-current="1"' in page
    assert "<strong>Read it</strong>." in page
    assert "Check 1 of 5 · " in page


def test_a_bench_shows_the_steps_of_the_current_check_alone(client, opened):
    opened.tell(GuideMoved(current=3, done=[0, 1, 2]))

    page = bench_of(client)

    shown = re.findall(r'<li data-step-mark="(\d+)" data-of-check="3" data-state="(\w+)">', page)
    assert shown == [("3", "done"), ("4", "now")]
    assert page.count("<li data-step-mark=") == len(GUIDE) + 1
    assert page.count('" hidden><span class="number">') == len(GUIDE) - 2
    assert "Check 3 of 5 · step 2 of 2 · " in page


def test_a_guide_that_is_done_says_so(client, opened):
    opened.tell(GuideMoved(current=len(GUIDE), done=list(range(len(GUIDE)))))

    page = bench_of(client)

    assert 'data-current="0"' in page
    assert page.count('<li data-step-mark="0" data-of-check="0" data-state="done">') == 1


def test_a_check_of_this_sandbox_does_not_end_a_step_before_the_sandbox_says_so(
    client, opened, learner_of, sql
):
    opened.tell(GuideMoved(current=0, done=[]))
    sql(
        "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES "
        "('one', %s, 'cache-aside', 'check', 'first-read-misses', 'met', '{}', now())",
        learner_of(client),
    )

    assert 'data-current="1"' in bench_of(client)


def test_what_the_sandbox_says_is_done_is_ticked(client, opened):
    opened.tell(GuideMoved(current=2, done=[0, 1]))

    page = bench_of(client)

    assert 'data-current="3"' in page
    assert page.count('data-step-mark="2" data-of-check="2" data-state="done"') == 1


def test_what_was_met_in_an_earlier_sandbox_is_done_in_the_next_one(
    client, labs_host, learner_of, sql
):
    client.post("/labs/cache-aside/sandbox")
    learner = learner_of(client)
    client.post(f"/sandboxes/{labs_host.opened(learner).id}/close")
    sql(
        "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES "
        "('one', %s, 'cache-aside', 'check', 'first-read-misses', 'met', '{}', now())",
        learner,
    )

    client.post("/labs/cache-aside/sandbox")

    again = labs_host.opened(learner)
    eventually(lambda: again.state.guide == {"current": 1, "done": [0]})
    assert 'data-current="2"' in bench_of(client)


def test_a_hostile_sandbox_can_not_break_the_guide(client, opened):
    opened.tell(GuideMoved(current=-7, done=[999, -1]))

    page = bench_of(client)

    assert 'data-current="1"' in page
