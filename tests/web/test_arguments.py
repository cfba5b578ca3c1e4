"""Numbers of an address: read, or refused in words."""

import pytest

NO_NUMBERS = [
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
]


@pytest.mark.parametrize("path", ["feed", "events"])
@pytest.mark.parametrize("after", NO_NUMBERS)
def test_a_feed_after_no_number_is_refused_in_words(client, opened, path, after):
    response = client.get(
        f"/sandboxes/{opened.id}/{path}",
        query_string={"after": after},
        headers={"HX-Request": "true"},
    )

    assert response.status_code == 422
    assert "“after” is a whole number from 0 up" in response.text


@pytest.mark.parametrize("last", ["x", "-1", "9" * 16])
def test_a_stream_after_no_event_is_refused_in_words(client, opened, last):
    response = client.get(
        f"/sandboxes/{opened.id}/events", headers={"Last-Event-ID": last, "HX-Request": "true"}
    )

    assert response.status_code == 422
    assert "“Last-Event-ID” is a whole number from 0 up" in response.text


def test_a_feed_goes_on_after_a_number_and_starts_without_one(client, opened):
    def numbers(**query):
        answer = client.get(f"/sandboxes/{opened.id}/feed", query_string=query)
        return [entry["seq"] for entry in answer.json]

    every = numbers()

    assert every[:2] == [1, 2]
    assert numbers(after="") == numbers(after="0") == every
    assert numbers(after="1") == every[1:]
    assert numbers(after="999999999999999") == []


def test_an_action_s_number_has_a_comma_and_a_unit(client, opened):
    client.post(f"/sandboxes/{opened.id}/actions/change-price", data={"price": "24,90"})
    client.post(f"/sandboxes/{opened.id}/settings", data={"name": "ttl_s", "value": "45 s"})
    client.post(f"/sandboxes/{opened.id}/links/cache", data={"verb": "slow", "delay_ms": "12,5 ms"})

    told = {call: args for call, _, args in opened.calls}
    assert told["action"]["fields"]["price"] == 24.9
    assert told["set"]["value"] == 45
    assert told["link"]["delay_ms"] == 12.5


@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        ("actions/change-price", {"price": "1,234"}, "can mean 1234 or 1.234"),
        ("settings", {"name": "ttl_s", "value": "45 ms"}, "Type a number in s"),
        ("settings", {"name": "ttl_s", "value": "301"}, "Type a number from 1 to 300 s."),
        ("links/cache", {"verb": "slow", "delay_ms": "2001"}, "from 1 to 2000 ms."),
        ("step", {"verb": "start", "key": "1.5"}, "The item is a whole number."),
        ("step", {"verb": "start", "function": "write", "price": "0"}, "from 0.01 to 99999"),
    ],
)
def test_a_number_that_is_none_is_refused_with_what_would_be_right(
    client, opened, path, data, said
):
    response = client.post(
        f"/sandboxes/{opened.id}/{path}", data=data, headers={"HX-Request": "true"}
    )

    assert response.status_code == 422
    assert said in response.text
