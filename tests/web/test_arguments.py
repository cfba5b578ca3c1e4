"""Numbers of an address: read, or refused in words."""

import pytest


@pytest.mark.parametrize(
    "after",
    [
        "18446744073709551616",
        "9223372036854775808",
        "-1",
        "1e9",
        "+1",
        "٣",
        "1_0",
        " 1",
        "0x1",
        "x",
    ],
)
def test_a_feed_after_no_number_is_refused_in_words(client, opened, after):
    response = client.get(
        f"/sandboxes/{opened.id}/feed",
        query_string={"after": after},
        headers={"HX-Request": "true"},
    )

    assert response.status_code == 422
    assert "“after” is a whole number from 0 up" in response.text


def test_a_feed_goes_on_after_a_number_and_starts_without_one(client, opened):
    def numbers(**query):
        answer = client.get(f"/sandboxes/{opened.id}/feed", query_string=query)
        return [entry["seq"] for entry in answer.json]

    every = numbers()

    assert every[:2] == [1, 2]
    assert numbers(after="") == numbers(after="0") == every
    assert numbers(after="1") == every[1:]
    assert numbers(after="999999999999999") == []
