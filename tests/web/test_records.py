"""Flights: saved from one's own sandbox, shared by a link that nobody can guess, refused where they
are not what they say.
"""

from __future__ import annotations

import copy
import json
import re

import pytest

from labs.errors import BadInput
from portal.bench.flight import LARGEST, OPERATIONS, read_flight
from portal.bench.sharing import MOST_OF_A_LEARNER
from portal.patterns.flights import sample_flight

NAME = "flight-1"


@pytest.fixture
def flight():
    """A flight of a second, so that it can be spoilt."""
    whole = sample_flight("kill")
    return {**whole, "writes": whole["writes"][:200], "reads": whole["reads"][:20]}


@pytest.fixture
def flown(client, host, learner_of, flight):
    """The client's sandbox with one flight; the answer's document may be put in its place."""
    client.post("/lessons/first/progress", data={"section": "the-end"})
    host.open(learner_of(client), "sample-lab")
    answer = {"document": flight}
    host.answers["record"] = lambda request: (
        {"reply": {"record": answer["document"]}}
        if request["args"]["name"] == NAME
        else {
            "error": {"kind": "bad-input", "message": "No record here is called that.", "hint": ""}
        }
    )
    host.answers["state"] = lambda _: {
        "reply": {
            "records": [
                {
                    "record": NAME,
                    "title": "<b>cache-001</b> killed",
                    "results": {"downtime_ms": 2240.1, "lost": 7},
                }
            ]
        }
    }
    return answer


def share(client):
    return client.post(f"/sandboxes/5a9d/records/{NAME}/share")


def address_of(response) -> str:
    assert response.status_code == 303, response.text
    return str(response.headers["Location"])


def test_the_owner_saves_a_flight_as_a_file(client, flown, flight):
    response = client.get(f"/sandboxes/5a9d/records/{NAME}.json")

    assert response.json == flight
    assert (
        response.headers["Content-Disposition"] == 'attachment; filename="sample-lab-flight-1.json"'
    )
    assert response.headers["Cache-Control"] == "no-store"


def test_nobody_else_gets_or_shares_it(client, other, flown):
    other.post("/lessons/first/progress", data={"section": "the-end"})

    assert other.get(f"/sandboxes/5a9d/records/{NAME}.json").status_code == 404
    assert other.get("/sandboxes/5a9d/records").status_code == 404
    assert share(other).status_code == 404


def test_the_list_of_flights_is_text_and_never_markup(client, flown):
    page = client.get("/sandboxes/5a9d/records").text

    assert "&lt;b&gt;cache-001&lt;/b&gt; killed" in page and "<b>" not in page
    assert "2.24 s without a write, 7 lost" in page


def test_a_title_begins_as_a_sentence_does_but_a_server_keeps_its_name(client, flown, flight):
    for title, shown in (
        ("a planned failover", "<h1>A planned failover</h1>"),
        ("cache-001 was killed", "<h1>cache-001 was killed</h1>"),
    ):
        flown["document"] = {**flight, "title": title}

        assert shown in client.get(address_of(share(client))).text


def test_without_a_flight_the_list_says_what_to_do(client, flown, host):
    host.answers["state"] = lambda _: {"reply": {"records": []}}

    assert "Start the writer, then kill the primary" in client.get("/sandboxes/5a9d/records").text


def test_a_shared_flight_is_seen_by_anybody_with_its_link(app, client, flown, flight, learner_of):
    address = address_of(share(client))
    stranger = app.test_client()

    page = stranger.get(address)
    file = stranger.get(f"{address}.json")

    assert re.fullmatch(r"/flights/[A-Za-z0-9_-]{22}", address)
    assert (
        page.status_code == 200
        and flight["title"] in page.text
        and "1,000 ms" in page.text
        and "7.0.15" in page.text
    )
    assert learner_of(client) not in page.text + file.text
    assert file.json["writes"] == flight["writes"] and file.json["results"] == flight["results"]
    assert page.headers["X-Robots-Tag"] == file.headers["X-Robots-Tag"] == "noindex"
    assert "Set-Cookie" not in page.headers
    assert "Stop sharing it" not in page.text and "Stop sharing it" in client.get(address).text


def test_a_file_that_is_known_is_not_sent_again(client, flown):
    address = address_of(share(client))
    tag = client.get(f"{address}.json").headers["ETag"]

    assert client.get(f"{address}.json", headers={"If-None-Match": tag}).status_code == 304


def test_htmx_gets_the_link_as_a_fragment(client, flown):
    response = client.post(f"/sandboxes/5a9d/records/{NAME}/share", headers={"HX-Request": "true"})

    assert response.status_code == 200 and "<html" not in response.text
    assert re.search(r'href="http://localhost/flights/[A-Za-z0-9_-]{22}"', response.text)


def test_the_same_flight_twice_is_one_link(client, flown, sql):
    assert address_of(share(client)) == address_of(share(client))
    assert sql("SELECT count(*) FROM shared_record") == [(1,)]


def test_two_lie_beside_each_other_on_one_page(app, client, flown, flight):
    first = address_of(share(client)).split("/")[-1]
    flown["document"] = {**flight, "title": "cache-002 paused"}
    second = address_of(share(client)).split("/")[-1]

    page = app.test_client().get(f"/flights?a={first}&b={second}").text

    assert f'data-flights="/flights/{first}.json /flights/{second}.json ' in page
    assert flight["title"] in page and "cache-002 paused" in page


def test_what_one_shares_is_listed_for_oneself_alone(client, other, flown, flight):
    address_of(share(client))

    assert flight["title"] in client.get("/flights").text
    assert flight["title"] not in other.get("/flights").text


def test_only_the_owner_ends_the_sharing_and_then_it_is_gone(client, other, flown, sql):
    address = address_of(share(client))
    other.post("/lessons/first/progress", data={"section": "the-end"})

    assert other.post(f"{address}/delete").status_code == 404
    assert client.get(address).status_code == 200
    assert client.post(f"{address}/delete").status_code == 303

    for gone in (
        client.get(address),
        client.get(f"{address}.json"),
        client.get(f"/flights?a={address.split('/')[-1]}"),
    ):
        assert gone.status_code == 404
    assert sql("SELECT count(*) FROM shared_record") == [(0,)]


def test_a_deleted_learners_flights_are_gone(client, other, flown):
    address = address_of(share(client))
    assert "1 flight that you <a" in client.get("/me").text

    client.post("/me/delete", data={"sure": "yes"})

    assert other.get(address).status_code == 404


def test_nobody_shares_more_than_so_many_and_none_goes_by_itself(client, flown, flight, sql):
    first = address_of(share(client))
    sql(
        "INSERT INTO shared_record (id, learner_id, lab, kind, title, head, document, digest, "
        "created_at) SELECT lpad(n::text, 22, '0'), learner_id, lab, kind, title, head, document, "
        "n::text, created_at FROM shared_record, generate_series(2, %s) AS n",
        MOST_OF_A_LEARNER,
    )
    flown["document"] = {**flight, "title": "One too many"}

    refused = share(client)

    assert (
        refused.status_code == 409
        and f"You share {MOST_OF_A_LEARNER} flights" in refused.text
        and "Delete one" in refused.text
    )
    assert client.get(first).status_code == 200


@pytest.mark.parametrize("nonsense", ["x", "x" * 22, "../../../etc/passwd", "%00" * 7, "a" * 300])
def test_no_other_address_leads_anywhere(client, flown, nonsense):
    assert client.get(f"/flights/{nonsense}").status_code == 404


def spoilt(**parts):
    return lambda flight: {**flight, **parts}


def with_results(**parts):
    return lambda flight: {**flight, "results": {**flight["results"], **parts}}


HOSTILE = {
    "not an object": lambda flight: [flight],
    "nothing": lambda flight: None,
    "another kind": spoilt(kind="report"),
    "another version": spoilt(version=2),
    "no title": spoilt(title=""),
    "a title too long": spoilt(title="x" * 201),
    "a title that turns the line around": spoilt(title="killed \u202e000"),
    "a title with a zero byte": spoilt(title="killed\x00"),
    "half a character": spoilt(title="killed \ud800"),
    "a name that is a path": spoilt(name="../../etc"),
    "too many writes": lambda flight: {**flight, "writes": flight["writes"][:1] * (OPERATIONS + 1)},
    "an unknown way to end": spoilt(writes=[[0.0, 1.0, "x", 1]]),
    "a way to end that is long": spoilt(writes=[[0.0, 1.0, "acknowledged", 1]]),
    "not a number": spoilt(writes=[[float("nan"), 1.0, "a", 1]]),
    "no end": spoilt(writes=[[0.0, float("inf"), "a", 1]]),
    "a moment long ago": spoilt(writes=[[-1e12, 1.0, "a", 1]]),
    "a number that is a text": spoilt(writes=[["0", 1.0, "a", 1]]),
    "a negative duration": spoilt(writes=[[0.0, -1.0, "a", 1]]),
    "a write with a part too many": spoilt(writes=[[0.0, 1.0, "a", 1, {}]]),
    "a huge number": spoilt(writes=[[0.0, 1.0, "a", 2**60]]),
    "true as a number": with_results(lost=True),
    "a negative count": with_results(lost=-1),
    "backwards": spoilt(from_ms=10.0, to_ms=-10.0),
    "results that are a list": spoilt(results=[]),
    "markers without end": spoilt(marks=[[0, "killed"]] * 51),
    "deep words": spoilt(sentinels=[[0.0, "sentinel-a", {"$": 1}, ""]]),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_document_that_is_no_flight_is_refused_with_words(client, flown, flight, sql, spoil):
    flown["document"] = spoil(flight)

    response = share(client)

    assert response.status_code == 422 and "is not one that can be shared" in response.text
    assert sql("SELECT count(*) FROM shared_record") == [(0,)]


def test_what_is_not_known_is_not_kept(client, flown, flight):
    flown["document"] = {
        **flight,
        "learner": "somebody",
        "fault": {**flight["fault"], "more": ["x" * 9_000]},
    }

    kept = client.get(f"{address_of(share(client))}.json").json

    assert "learner" not in kept and "more" not in kept["fault"]


def test_words_of_a_sandbox_are_text_on_every_page(client, flown, flight):
    evil = "<img src=x onerror=alert(1)>"
    flown["document"] = {
        **flight,
        "title": evil,
        "settings": [[evil, evil]],
        "versions": {evil: evil},
        "isolation": evil,
    }

    address = address_of(share(client))

    for url in (
        address,
        "/flights",
        f"/flights?a={address.split('/')[-1]}&b={address.split('/')[-1]}",
    ):
        page = client.get(url).text
        assert "<img" not in page and "&lt;img" in page


def test_every_sample_is_a_flight_and_the_largest_still_fits():
    for kind in ("kill", "split-brain", "no-recovery", "fast"):
        flight = read_flight(sample_flight(kind))
        assert flight.model_dump(mode="json")["writes"] == sample_flight(kind)["writes"]

    largest = copy.deepcopy(sample_flight("kill"))
    largest["writes"] = [[-59_999.9, 1_000.1, "a", 123_456]] * OPERATIONS
    assert (
        len(json.dumps(read_flight(largest).model_dump(mode="json"), separators=(",", ":")))
        < LARGEST
    )


def test_the_message_names_the_part_that_is_wrong(flight):
    with pytest.raises(BadInput) as caught:
        read_flight({**flight, "to_ms": "soon"})

    assert "to_ms" in str(caught.value.hint)


def test_a_gap_without_an_end_is_a_flight(flight):
    assert (
        read_flight(
            {
                **flight,
                "results": {
                    **flight["results"],
                    "gap_to_ms": None,
                    "downtime_ms": None,
                    "promoted": "",
                },
            }
        ).results.gap_to_ms
        is None
    )
