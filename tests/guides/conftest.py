"""The whole site, for one learner after the other who does what a guide says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Open, browser_type_launch_args, watched
from tests.browser.journeys.real_site import RealSite, real_site

__all__ = ["browser_type_launch_args"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="pause as a person does between steps")


@pytest.fixture(scope="session")
def site() -> Iterator[RealSite]:
    with real_site() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, site: RealSite) -> Iterator[Open]:
    """A page of the real site, watched."""
    with watched(browser, site.url) as go:
        yield go
