"""What the web server itself answers where no request reaches the app."""

from __future__ import annotations

from http import HTTPStatus

from portal.web.errors import WORDS

_WORDS = {
    400: "The web server could not read this request. Reload the page and try again.",
    408: "The rest of this request did not arrive in time. Try again.",
    413: " ".join(WORDS[413]),
    431: "The head of this request has more than 64 KiB of address, cookies and headers. Shorten "
    "the address, or delete this site’s cookies, then try again.",
    503: "The site has more visitors just now than it can serve. Try again in a few seconds.",
}
_RETRY_AFTER_S = 5


def refusal(status: int) -> bytes:
    """A whole HTTP answer with this status, after which the connection is closed."""
    body = f"{_WORDS[status]}\n".encode()
    again = f"Retry-After: {_RETRY_AFTER_S}\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"{again}"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
