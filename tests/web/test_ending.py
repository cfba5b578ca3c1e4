"""The card at the end of a lab: there when every check is met, and not before."""

import json

from labs.catalogue import find

LAB = find("cache-aside")
EVIDENCE = {
    "first-read-misses": {"database_queries": 1},
    "second-read-hits": {"database_queries": 0},
    "delete-on-write": {"stale_reads_after_them": 0},
    "stale-until-ttl": {"last_stale_s_after_write": 57.4},
    "dead-cache-answers": {"reads": 10, "answered": 10},
}


def meet(client, learner_of, sql, names):
    client.post("/labs/cache-aside/sandbox")
    for number, name in enumerate(names):
        data = json.dumps({"message": f"The reading of {name}.", "evidence": EVIDENCE[name]})
        sql(
            "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES "
            "(%s, %s, 'cache-aside', 'check', %s, 'met', %s, now())",
            f"{number}",
            learner_of(client),
            name,
            data,
        )


def test_with_a_check_missing_there_is_no_card(client, opened, learner_of, sql):
    meet(client, learner_of, sql, list(EVIDENCE)[:-1])

    assert "end-card" not in client.get("/labs/cache-aside").text
    assert client.get("/labs/cache-aside/end").text.strip() == ""


def test_with_every_check_met_it_shows_the_learner_s_own_numbers(client, opened, learner_of, sql):
    meet(client, learner_of, sql, EVIDENCE)

    page = client.get("/labs/cache-aside").text

    card = page[page.index("end-card") :]
    for words in ("57.4", "s of the old price", "10 of 10", "The reading of stale-until-ttl."):
        assert words in card
    assert f"5 of 5 checks, {len(LAB.guide)} steps" in card
    assert LAB.ending.exam.source in card
    assert "Next in the course" in card


def test_it_stays_when_the_bench_is_closed(client, opened, learner_of, sql):
    meet(client, learner_of, sql, EVIDENCE)
    client.post(f"/sandboxes/{opened.id}/close")

    assert "end-card" in client.get("/labs/cache-aside").text


def test_a_reading_without_the_value_is_shown_in_words(client, opened, learner_of, sql):
    meet(client, learner_of, sql, EVIDENCE)
    sql("UPDATE outcome SET data = '{\"message\": \"An old one.\"}' WHERE name = 'stale-until-ttl'")

    card = client.get("/labs/cache-aside/end").text

    assert "An old one." in card
    assert "57.4" not in card


def test_on_the_projector_there_is_none(client, opened, learner_of, sql):
    meet(client, learner_of, sql, EVIDENCE)

    assert "end-card" not in client.get("/labs/cache-aside?view=projector").text


def test_guesses_stand_next_to_what_was_measured(client, opened, learner_of, sql):
    meet(client, learner_of, sql, EVIDENCE)
    asked = LAB.predictions[0]
    sql(
        "INSERT INTO prediction (learner_id, lab, name, value, confidence, measured, held, at, "
        "measured_at) VALUES (%s, 'cache-aside', %s, '7', 'fairly', '1', false, now(), now())",
        learner_of(client),
        asked.name,
    )

    card = client.get("/labs/cache-aside/end").text

    assert "You said 7 queries; measured 1 query" in card
