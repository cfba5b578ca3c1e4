"""The whole site for the journeys: one for all of them but those that stop it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Open, watched
from tests.browser.journeys.real_site import RealSite, real_site


@pytest.fixture(scope="package")
def site() -> Iterator[RealSite]:
    """A site that runs; a module that stops and starts it has one of its own."""
    with real_site() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, site: RealSite) -> Iterator[Open]:
    """A page of the real site, watched."""
    with watched(browser, site.url) as go:
        yield go
