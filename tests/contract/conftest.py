"""Servers for the contract of engines, and a supervisor of each isolation for that of runtimes."""

import pytest

from labs.headless import own_supervisor
from labs.host.isolation import KINDS
from tests.labs.conftest import authority, database_directory, rack, shop_template

__all__ = ["authority", "database_directory", "rack", "shop_template"]


@pytest.fixture(scope="module", params=KINDS)
def supervisor(request):
    with own_supervisor(request.param) as kept:
        kept.wait_ready()
        yield kept
