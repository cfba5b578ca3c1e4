"""Every kind of orders that a client of the load may get."""

from __future__ import annotations

from labs.load.browsers import BrowserOrders
from labs.load.flight import FlightOrders
from labs.load.numbers import NumberOrders
from labs.load.worker import Orders
from labs.load.writers import WriterOrders

AnyOrders = Orders | BrowserOrders | FlightOrders | NumberOrders | WriterOrders
