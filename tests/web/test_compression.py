"""Text leaves compressed where the browser takes it; streams, secrets and small answers don't."""

from __future__ import annotations

import gzip
import re

import pytest

from portal.web.compression import SMALLEST
from tests.web.test_accounts import begin, link_of
from tests.web.test_records import NAME, address_of, flight, flown, share

__all__ = ["begin", "flight", "flown"]

GZIP = {"Accept-Encoding": "gzip, deflate, br, zstd"}


def title(page: str) -> str:
    found = re.search(r"<title>(.+)</title>", page)
    assert found
    return found[1]


@pytest.mark.parametrize(
    "path",
    ["/", "/lessons/first", "/lessons/first/quiz", "/labs", "/labs/sample-lab", "/me", "/flights"],
)
def test_pages_are_compressed_for_a_browser_that_takes_gzip(client, path):
    plain, packed = client.get(path), client.get(path, headers=GZIP)

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    assert title(gzip.decompress(packed.data).decode()) == title(plain.text)
    for response in (plain, packed):
        assert "Accept-Encoding" in response.headers["Vary"]
        assert int(response.headers["Content-Length"]) == len(response.data)


def test_an_error_is_compressed_like_any_page(client):
    response = client.get("/nowhere", headers=GZIP)

    assert response.status_code == 404
    assert "There is no such page." in gzip.decompress(response.data).decode()


@pytest.mark.parametrize(
    ("name", "compressed"),
    [
        ("bundles/site.css", True),
        ("js/bench.js", True),
        ("vendor/htmx-4.0.1.min.js", True),
        ("fonts/LICENSE-source-serif-4.txt", True),
        ("favicon.svg", False),  # small
        ("js/shapes.js", False),
        ("fonts/sans-normal.woff2", False),  # compressed as it is
    ],
)
def test_files_are_compressed_if_they_are_text_and_not_small(client, name, compressed):
    plain, packed = client.get(f"/static/{name}"), client.get(f"/static/{name}", headers=GZIP)

    assert ("Content-Encoding" in packed.headers) is compressed
    body = gzip.decompress(packed.data) if compressed else packed.data
    assert body == plain.data
    assert packed.mimetype == plain.mimetype
    assert ("Accept-Encoding" in plain.headers.get("Vary", "")) is compressed


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip", True),
        ("*", True),
        ("br, gzip;q=0.2", True),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("br", False),
        ("", False),
    ],
)
def test_only_what_the_browser_takes_is_sent(client, accepted, compressed):
    for path in ("/", "/static/bundles/site.css"):
        response = client.get(path, headers={"Accept-Encoding": accepted})

        assert ("Content-Encoding" in response.headers) is compressed


def test_a_small_answer_is_left_alone(client):
    response = client.get("/healthz", headers=GZIP)

    assert len(response.data) < SMALLEST
    assert "Content-Encoding" not in response.headers and "Vary" not in response.headers


@pytest.mark.parametrize("path", ["/labs", "/static/bundles/site.css"])
def test_head_says_the_length_of_what_get_would_send(client, path):
    got, asked = client.get(path, headers=GZIP), client.head(path, headers=GZIP)

    assert asked.data == b""
    for name in ("Content-Length", "Content-Encoding", "Vary"):
        assert asked.headers[name] == got.headers[name]


@pytest.mark.parametrize("headers", [{}, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("other", [{}, GZIP], ids=["plain", "gzip"])
def test_a_browser_that_has_a_file_is_not_sent_it_again(client, headers, other):
    tag = client.get("/static/bundles/site.css", headers=headers).headers["ETag"]

    response = client.get("/static/bundles/site.css", headers={**other, "If-None-Match": tag})

    assert response.status_code == 304 and not response.data
    assert response.headers["ETag"] == tag
    assert "Accept-Encoding" in response.headers["Vary"]
    assert "Content-Encoding" not in response.headers


def test_a_shared_flight_is_compressed_and_known_by_its_tag(client, flown):
    address = address_of(share(client)) + ".json"
    response = client.get(address, headers=GZIP)

    assert gzip.decompress(response.data) == client.get(address).data
    again = client.get(address, headers={**GZIP, "If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    assert "Accept-Encoding" in again.headers["Vary"]


def test_a_stream_is_never_compressed(client, opened):
    with client.get(f"/sandboxes/{opened.id}/events", headers=GZIP, buffered=False) as response:
        assert response.mimetype == "text/event-stream"
        assert "Content-Encoding" not in response.headers


def test_answers_with_a_secret_are_sent_as_they_are(client, other, begin, flown):
    begin(client)
    address_of(share(client))
    named = client.post(
        f"/sandboxes/5a9d/records/{NAME}/share", headers={**GZIP, "HX-Request": "true"}
    )
    answers = {
        "a new link": client.post("/me/recovery", headers=GZIP),
        "what a link asks": other.get(link_of(client), headers=GZIP),
        "the list of links": client.get("/flights", headers=GZIP),
        "a link of a flight": named,
    }

    assert {
        name: (answer.status_code, answer.headers.get("Content-Encoding"))
        for name, answer in answers.items()
    } == dict.fromkeys(answers, (200, None))
