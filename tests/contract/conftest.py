"""Servers for the contract of engines."""

from tests.labs.conftest import authority, database_directory, rack, shop_template

__all__ = ["authority", "database_directory", "rack", "shop_template"]
