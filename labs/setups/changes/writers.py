"""The writers of a sandbox, and their notebooks: which of their changes were acknowledged."""

from __future__ import annotations

import shutil

from labs.sandbox.context import Context
from labs.sandbox.part import Workload
from labs.setups.changes import metrics  # noqa: F401 - makes them known
from labs.setups.changes.bench import LINKS, node_asked
from labs.setups.changes.shop_data import products_of
from labs.setups.changes.workload import ChangesSpec, Notes, notes


class Writers(Workload):
    """Clients that change prices where the application's endpoint leads, each with a notebook."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.notebooks = context.directory / "notebooks"
        self.products = 0
        """How many products the cluster was filled with; 0 if it was not filled."""

    def opened(self) -> None:
        """Begin without notebooks."""
        self.products = 0
        if self.context.is_real:
            shutil.rmtree(self.notebooks, ignore_errors=True)
            self.notebooks.mkdir(mode=0o700)

    restarted = opened

    def spec(self, client: int, clients: int, requests: int = 0) -> ChangesSpec:
        """The changes of one writer: where the application's endpoint leads, and its notebook."""
        context, settings = self.context, self.context.settings
        node = node_asked(context)
        return ChangesSpec(
            rate_per_s=float(settings["rate_per_s"]),
            client=client,
            clients=clients,
            requests=requests,
            link=LINKS[node],
            redis=context.network.route(LINKS[node]),
            access=context.servers[node].engine.access("shop"),
            notebook=str(self.notebooks / str(client)),
            products=self.products or products_of(int(float(settings["keys"]))),
        )

    def notes(self) -> dict[int, Notes]:
        """What each writer noted, by its number."""
        return {int(path.name): notes(path) for path in sorted(self.notebooks.iterdir())}

    def begin_again(self, products: int) -> None:
        """The cluster is about to be filled with `products`: throw the notebooks away, since the
        changes in them are gone from the cluster too.
        """
        for path in self.notebooks.iterdir():
            path.unlink()
        self.products = products
