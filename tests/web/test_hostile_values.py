"""Whatever stands where a request carries a name, a number or an id: the answer is never a fault of
ours, and nothing is written into the log.
"""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest

from tests.web import test_routes
from tests.web.test_routes import TABLE

ROOT = Path(__file__).resolve().parents[2]

VALUES = {
    "nothing": "",
    "a space": "%20",
    "too large for 64 bits": "18446744073709551616",
    "too large for 63 bits": "9223372036854775808",
    "more digits than Python reads": "9" * 5_000,
    "negative": "-1",
    "a sign": "%2B1",
    "an exponent": "1e9",
    "an exponent without end": "1e999",
    "not a number": "nan",
    "underscores": "1_0",
    "spaces around": "%201%20",
    "digits of another script": "%D9%A3",
    "a superscript": "%C2%B2",
    "NUL": "%00",
    "a NUL inside": "a%00b",
    "line ends": "a%0D%0ASet-Cookie:%20x=1",
    "half a character": "%C3",
    "a lone surrogate": "%ED%A0%80",
    "beyond the plane": "%F0%9F%92%A5",
    "right to left": "%E2%80%AE",
    "markup": "%3Cscript%3E",
    "a path": "..%2F..%2Fetc%2Fpasswd",
    "JSON": "%5B1,2%5D",
    "long": "x" * 100_000,
}

QUERY = {
    "/healthz": ("deep",),
    "/lessons/<slug>": ("lab", "engine", "ttl_s", "gear", "view", "was"),
    "/lessons/<slug>/quiz": ("again",),
    "/flights": ("a", "b"),
    "/labs/<lab_id>": ("engine", "ttl_s", "gear", "view", "was", "no-such-setting"),
    "/labs/<lab_id>/bench": ("place", "on", "ttl_s", "gear", "was"),
    "/labs/<lab_id>/predictions/<name>": ("again",),
    "/sandboxes/<sandbox>/feed": ("after",),
    "/sandboxes/<sandbox>/events": ("after",),
    "/sandboxes/<sandbox>/state": ("history",),
}
FORMS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "/lessons/<slug>/progress": (("section", {}),),
    "/lessons/<slug>/quiz/<question_id>": (
        ("value", {}),
        ("choice", {}),
        ("form-key", {"value": "1"}),
        ("confidence", {"value": "1"}),
        ("from", {}),
    ),
    "/me/delete": (("sure", {}),),
    "/labs/<lab_id>/sandbox": (
        ("set-ttl_s", {}),
        ("set-no-such", {}),
        ("engine", {}),
        ("gear", {}),
        ("next", {}),
    ),
    "/labs/<lab_id>/predictions/<name>": (
        ("value", {"confidence": "fairly"}),
        ("confidence", {"value": "1"}),
        ("form-key", {"value": "1", "confidence": "fairly"}),
        ("measure", {}),
        ("next", {"measure": "yes"}),
    ),
    "/labs/<lab_id>/console/<server>": (("command", {}), ("prompt", {"command": "GET a"})),
    "/sandboxes/<sandbox>/settings": (
        ("name", {"value": "1"}),
        ("value", {"name": "ttl_s"}),
        ("position", {"name": "ttl_s"}),
        ("set-ttl_s", {}),
        ("set-", {}),
    ),
    "/sandboxes/<sandbox>/actions/<name>": (("price", {"item": "1"}), ("item", {"price": "1"})),
    "/sandboxes/<sandbox>/servers/<server>": (("verb", {}),),
    "/sandboxes/<sandbox>/links/<link>": (("verb", {}), ("delay_ms", {"verb": "slow"})),
    "/sandboxes/<sandbox>/step": (
        ("verb", {}),
        ("function", {"verb": "start"}),
        ("key", {"verb": "start"}),
        ("item", {"verb": "start"}),
        ("price", {"verb": "start", "function": "write"}),
    ),
    "/sandboxes/<sandbox>/load": (("verb", {}),),
    "/sandboxes/<sandbox>/complete": (("server", {"text": "ge"}), ("text", {"server": "cache"})),
    "/sandboxes/<sandbox>/console/<server>": (("command", {}), ("prompt", {"command": "GET a"})),
}
HEADERS = (
    "Last-Event-ID",
    "HX-Request",
    "HX-Current-URL",
    "HX-Boosted",
    "Referer",
    "Cookie",
    "If-None-Match",
    "If-Modified-Since",
    "Range",
    "Accept-Language",
    "Sec-Fetch-Dest",
)
RAW = (
    "",
    " ",
    "18446744073709551616",
    "-1",
    "1e9",
    "٣",
    "²",
    "%00",
    "http://[",
    "learner=",
    "x" * 9_000,
)
BODIES = {
    "application/json": (b"[1, 2]", b"{", b'{"value": [1]}', b"[" * 50_000, b"\xff\x00"),
    "application/x-www-form-urlencoded": (b"\xff=\xfe", b"value=%", b"a&" * 2_000, b"=" * 3_000),
    "multipart/form-data": (b"x", b"--x\r\n"),
    "multipart/form-data; boundary=x": (
        b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="value"; filename="a"\r\n\r\nv\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="value"\r\n\r\n\xff\x00\r\n--x--\r\n',
    ),
    "text/plain; charset=nonsense": (b"value=1",),
    "application/x-www-form-urlencoded; charset=utf-16": (b"value=1",),
}
FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.fixture
def sandbox(opened):
    """The client's open sandbox of cache-aside, on a host without servers."""
    return opened.id


def address(rule, sandbox):
    """The rule with something of cache-aside in its places."""
    sample = test_routes.address(rule, sandbox)
    return sample.replace("/links/app-cache", "/links/cache").replace("/flush", "/change-price")


class Hostile:
    """A browser that sends what it is given and keeps the answers that are a fault of ours."""

    def __init__(self, client, caplog):
        self.client, self.caplog = client, caplog
        self.faults = []

    def send(self, about, url, method="GET", **more):
        self.caplog.clear()
        more.setdefault("headers", {})
        with self.client.open(url, method=method, buffered=False, **more) as response:
            status = response.status_code
        said = [
            f"{record.name}: {record.getMessage()[:200]}"
            for record in self.caplog.records
            if record.levelno >= logging.WARNING
        ]
        if status >= 500 or said:
            self.faults.append((about, status, said))


@pytest.fixture
def hostile(client, sandbox, caplog):
    return Hostile(client, caplog)


@pytest.mark.parametrize("rule", sorted(QUERY), ids=lambda rule: rule.strip("/"))
def test_no_value_of_an_address_is_a_fault_of_ours(hostile, sandbox, rule):
    url = address(rule, sandbox)

    for name in QUERY[rule]:
        for about, value in VALUES.items():
            hostile.send((name, about), f"{url}?{name}={value}")
        hostile.send((name, "twice"), f"{url}?{name}=1&{name}=x")
        hostile.send((name, "a list"), f"{url}?{name}[]=1&{name}[a]=2")

    assert hostile.faults == []


@pytest.mark.parametrize("rule", sorted(FORMS), ids=lambda rule: rule.strip("/"))
def test_no_value_of_a_form_is_a_fault_of_ours(hostile, sandbox, rule):
    url = address(rule, sandbox)

    for name, others in FORMS[rule]:
        also = "".join(f"&{other}={value}" for other, value in others.items())
        for about, value in VALUES.items():
            data = f"{name}={value}{also}"
            for headers in ({}, {"HX-Request": "true"}):
                hostile.send(
                    (name, about), url, "POST", data=data, headers=headers, content_type=FORM_TYPE
                )
        hostile.send(
            (name, "twice"), url, "POST", data=f"{name}=1&{name}=x{also}", content_type=FORM_TYPE
        )

    assert hostile.faults == []


@pytest.mark.parametrize(
    ("method", "rule"),
    sorted(route for route in TABLE if "<" in route[1]),
    ids=lambda part: part.strip("/"),
)
def test_no_place_of_a_path_is_a_fault_of_ours(hostile, sandbox, method, rule):
    if rule.endswith(("/close", "/reset")):
        places = ["sandbox"]
    else:
        places = [place.strip("<>") for place in rule.split("/") if place.startswith("<")]

    for place in places:
        place = place.split(">")[0]
        for about, value in VALUES.items():
            before, _, after = rule.partition(f"<{place}>")
            url = address(before, sandbox) + value[:3_000] + address(after, sandbox)
            hostile.send((place, about), url, method)

    assert hostile.faults == []


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_is_a_fault_of_ours(hostile, sandbox, name):
    """Every page with this header, and this header with every value."""
    rules = sorted(rule for method, rule in TABLE if method == "GET")
    for number, rule in enumerate(rules, HEADERS.index(name)):
        value = RAW[number % len(RAW)]
        hostile.send((rule, value[:20]), address(rule, sandbox), headers={name: value})

    assert hostile.faults == []


@pytest.mark.parametrize("content_type", sorted(BODIES))
def test_no_body_is_a_fault_of_ours(hostile, sandbox, content_type):
    for method, rule in sorted(TABLE):
        if method == "POST" and not rule.endswith(("/close", "/reset")):
            for body in BODIES[content_type]:
                hostile.send(
                    (rule, body[:20]),
                    address(rule, sandbox),
                    "POST",
                    data=body,
                    content_type=content_type,
                )

    assert hostile.faults == []


def names_read() -> set[tuple[str, str]]:
    """The names that views read of an address (`args`) or of a form (`form`)."""
    found: set[tuple[str, str]] = set()
    for path in (ROOT / "portal").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(
                            value=ast.Name("request"), attr="args" | "form" as where
                        )
                    ),
                    args=[ast.Constant(str(name)), *_],
                ):
                    found.add((where, name))
                case ast.Call(func=ast.Name("whole_number"), args=[ast.Constant(str(name)), *_]):
                    found.add(("args", name))
    return found


def test_every_name_that_a_view_reads_is_tried():
    tried = {("args", name) for names in QUERY.values() for name in names}
    tried |= {("form", name) for names in FORMS.values() for name, _ in names}

    assert names_read() - tried == set()
