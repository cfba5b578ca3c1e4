"""Browsers before a site: a cookie jar each, real HTTP, and every response kept as data."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request as JarRequest

from labs.clients.address import Address
from labs.events import Sense
from labs.sandbox.ledger import Trip

HOST = "shop.test"
FIRST, SECOND = "first", "second"
Headers = tuple[tuple[str, str], ...]
USERS = {FIRST: "Mia", SECOND: "Ben"}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser and its response. Times are monotonic seconds.

    `ttl_before_s` and `ttl_after_s` are what the store itself reports of the session whose id the
    browser holds then: None if it has none, -1 if it never ends; `sent_ttl_after_s` is the same for
    the id that was sent, when the request was over. `held`: it waited in step gear. `pids` are the
    servers' processes when the request began, 0 for one that is not up.
    """

    number: int
    browser: str
    method: str
    path: str
    store: str
    idle_s: float
    absolute_s: float
    renewal: str
    began: float
    ended: float
    status: int
    instance: str
    user: str
    cart: tuple[str, ...]
    message: str
    sid_sent: str
    sid_after: str
    cookies: tuple[str, ...]
    headers: Headers
    body: str
    ttl_before_s: float | None
    ttl_after_s: float | None
    sent_ttl_after_s: float | None
    held: bool
    pids: Mapping[str, int]
    trips: tuple[Trip, ...]

    @property
    def took_ms(self) -> float:
        """From the browser and back."""
        return (self.ended - self.began) * 1000

    @property
    def answered(self) -> bool:
        """True if an instance answered, whatever the answer was."""
        return self.status == 200 and bool(self.instance)

    @property
    def logged_in(self) -> bool:
        """True if the instance recognised the user."""
        return self.answered and bool(self.user)

    @property
    def is_login(self) -> bool:
        """True if the request logged a user in."""
        return self.path == "/login" and self.logged_in

    @property
    def meaning(self) -> Sense:
        """A session that was found is a hit, one that was not a miss."""
        if self.status >= 500:
            return "error"
        if self.method == "POST":
            return "write"
        if not self.sid_sent:
            return "none"
        return "hit" if self.user or any(trip.meaning == "hit" for trip in self.trips) else "miss"


class Browser:
    """A browser with a cookie jar. As browsers do for localhost, it accepts secure cookies over
    plain HTTP: it runs inside the sandbox, on its loopback.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self.last: Visit | None = None
        self.login: Visit | None = None

    @property
    def user(self) -> str:
        """The user who logs in here."""
        return USERS.get(self.name, self.name)

    def cookie(self, name: str) -> str:
        """A cookie's value, empty if there is none."""
        return next((cookie.value or "" for cookie in self.jar if cookie.name == name), "")

    def request(
        self,
        address: Address,
        method: str,
        path: str,
        form: Mapping[str, str],
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> tuple[int, Headers, bytes]:
        """Send a request with the cookies of the jar, and keep those that come back. Status 0: no
        response came, and the body says why.
        """
        with_cookies = JarRequest(f"http://{HOST}{path}", method=method)
        self.jar.add_cookie_header(with_cookies)
        sent = {
            "Host": HOST,
            "Accept": "application/json",
            "Connection": "close",
            **headers,
            **dict(with_cookies.unredirected_hdrs),
        }
        if method == "POST":
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        content = urlencode(form) if method == "POST" else None
        connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
        try:
            connection.request(method, path, body=content, headers=sent)
            response = connection.getresponse()
            body = response.read(64 * 1024)
            self.jar.extract_cookies(response, with_cookies)
            return response.status, tuple(response.getheaders()), body
        except (OSError, http.client.HTTPException) as exc:
            reason = str(exc)[:80] or type(exc).__name__
            body = json.dumps({"message": f"The site did not answer: {reason}."}).encode()
            return 0, (), body
        finally:
            connection.close()


def letter(node: str) -> str:
    """The name of the instance at a node, as its responses carry it: A for instance-a."""
    return node.rpartition("-")[2].upper()


def node_of(instance: str) -> str:
    """The node at which the instance of this name stands: instance-a for A."""
    return f"instance-{instance.lower()}"


def header(headers: Headers, name: str) -> tuple[str, ...]:
    """The values of each header of this name."""
    return tuple(value for key, value in headers if key.lower() == name)


def object_from(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; empty if it holds none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
