"""Next to a figure that a lesson quotes stands what this learner has measured."""

import json

LESSON = "/lessons/first"
OURS = 'data-figure="sample-lab.hit_p50_ms" href="/labs/sample-lab">0.189&nbsp;ms</a>'


def after_ours(client):
    return client.get(LESSON).text.partition(OURS)[2][:60]


def measure(client, learner_of, sql, value):
    client.post(f"{LESSON}/progress", data={"section": "the-beginning"})
    sql(
        "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES "
        "('one', %s, 'sample-lab', 'check', 'first', 'met', %s, now())",
        learner_of(client),
        json.dumps({"message": "Read.", "evidence": {"hit_ms": value}}),
    )


def test_without_a_measurement_of_their_own_a_reader_sees_ours(client):
    assert after_ours(client).startswith(", see the note")


def test_what_a_check_counted_stands_next_to_ours(client, learner_of, sql):
    measure(client, learner_of, sql, 0.4321)

    assert after_ours(client).startswith(' <small class="own">(yours: 0.432\xa0ms)</small>')


def test_what_a_hostile_sandbox_counted_is_no_markup(client, learner_of, sql):
    measure(client, learner_of, sql, "<script>")

    assert after_ours(client).startswith(", see the note")


def note(client, learner_of, sql, outcome_id, value, at):
    sql(
        "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES "
        "(%s, %s, 'sample-lab', 'figures', 'figures', 'measured', %s, to_timestamp(%s))",
        outcome_id,
        learner_of(client),
        json.dumps({"hit_p50_ms": value}),
        at,
    )


def test_what_a_bench_measured_last_stands_next_to_ours(client, learner_of, sql):
    client.post(f"{LESSON}/progress", data={"section": "the-beginning"})
    note(client, learner_of, sql, "new", 0.5, 2_000)
    note(client, learner_of, sql, "old", 0.25, 1_000)

    assert after_ours(client).startswith(' <small class="own">(yours: 0.5\xa0ms)</small>')


def test_what_a_hostile_bench_measured_is_no_markup(client, learner_of, sql):
    client.post(f"{LESSON}/progress", data={"section": "the-beginning"})
    note(client, learner_of, sql, "one", "<script>", 1_000)

    assert after_ours(client).startswith(", see the note")
