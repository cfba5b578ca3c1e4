"""A real browser before a real web server, on the web tests' Postgres and Redis, with a labs host
of states without processes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from portal.settings import ROOT
from tests.waiting import WITHIN_S, eventually
from tests.web.conftest import (
    PostgresServer,
    RedisServer,
    portal_redis,
    postgres,
    redis_server,
    run_folder,
    sample_labs,
    sql,
)
from tests.web.faked_labs import FakedLabs, faked_labs

__all__ = ["portal_redis", "postgres", "redis_server", "run_folder", "sample_labs", "sql"]

WITHIN_MS = 1_000 * WITHIN_S
expect.set_options(timeout=WITHIN_MS)


class WebServer:
    """The portal under gunicorn; a test may stop and start it."""

    def __init__(self, postgres_url: str, redis_url: str, *, app: str = "portal.wsgi:app") -> None:
        self.app = app
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.env = {
            **os.environ,
            "DATABASE_URL": postgres_url.replace("+psycopg", ""),
            "REDIS_URL": redis_url,
            "SECRET_KEY": "a secret of the tests, long enough",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "python:portal.serve.gunicorn_settings",
            "--workers",
            "1",
            "--threads",
            "32",
            "--graceful-timeout",
            "5",
            "--bind",
            f"127.0.0.1:{self.port}",
            self.app,
        ]
        self.process = subprocess.Popen(
            command, env=self.env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # gunicorn listens before its worker has loaded the portal.
        eventually(self._answers)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5.0)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status > 0
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(15)
            self.process = None


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    # Debian's shell is the same browser without a window, and needs a sixth less of a processor.
    names = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail("no Chromium") if os.environ.get("CI") else pytest.skip("no Chromium")
    # As a browser with a window draws text: the shell would fit letters to whole pixels.
    arguments = ["--no-sandbox", "--font-render-hinting=none"]
    return {**browser_type_launch_args, "executable_path": found, "args": arguments}


@pytest.fixture(scope="session")
def web_server(postgres: PostgresServer, redis_server: RedisServer) -> Iterator[WebServer]:
    server = WebServer(postgres.url, redis_server.url)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def labs_host(redis_server: RedisServer, portal_redis: Redis, sql: object) -> Iterator[FakedLabs]:
    with faked_labs(redis_server.socket) as labs:
        yield labs


Open = Callable[..., Page]


@contextmanager
def watched(browser: Browser, url: str) -> Iterator[Open]:
    """Open a page as a learner of its own; at the end nothing was logged as an error and nothing
    was asked of another host.
    """
    contexts: list[Any] = []
    problems: list[str] = []

    def go(
        path: str, *, context: Any = None, problems_are_meant: bool = False, **options: Any
    ) -> Page:
        if context is None:
            context = browser.new_context(
                base_url=url, **{"viewport": {"width": 1536, "height": 1440}, **options}
            )
            contexts.append(context)
        page: Page = context.new_page()
        page.set_default_timeout(WITHIN_MS)
        if not problems_are_meant:
            page.on(
                "console",
                lambda message: problems.append(message.text) if message.type == "error" else None,
            )
            page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((url, "data:"))
                else problems.append(f"asked {request.url}")
            ),
        )
        page.goto(path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert not problems


def unfold(page: Page, *folds: str) -> None:
    """Open the folds of the bench with these words, as "More controls", if they are closed."""
    for words in folds:
        fold = page.locator(
            "cg-bench details.fold", has=page.locator("summary", has_text=words)
        ).last
        if fold.get_attribute("open") is None:
            fold.locator("summary").first.click()


@pytest.fixture
def visit(browser: Browser, web_server: WebServer, labs_host: FakedLabs) -> Iterator[Open]:
    """A page of the web server of these tests, watched."""
    with watched(browser, web_server.url) as go:
        yield go


@pytest.fixture
def bench(visit: Open) -> Callable[..., Page]:
    """A bench, opened, whose scripts are there."""

    def opened(lab: str = "cache-aside", query: str = "", **options: Any) -> Page:
        page = visit(f"/labs/{lab}{query}", **options)
        page.get_by_role("button", name="Open the bench").click()
        scripts = ":defined" if options.get("java_script_enabled", True) else ""
        page.wait_for_selector(f"cg-bench[data-phase=open]{scripts}")
        return page

    return opened
