"""A lab as small as one can be.

Tests copy it to a folder of their own: nothing else of the project knows it.
"""

from labs.lab import Check, Lab, Strategy, Verdict
from labs.setups.shop import storefront
from labs.setups.shop.application import app


def answered(sandbox):
    """Something was read."""
    reads = sandbox.ledger.reads()
    return (
        Verdict("met", "It answered.", {"reads": len(reads)})
        if reads
        else Verdict("unmet", "Nothing was read.")
    )


def reference(sandbox):
    """One read."""
    sandbox.measurements["queries"] = app(sandbox).read(1).queries


def read(shop, cache, item, ttl_s):
    return shop.read(item)


lab = Lab(
    id="toy",
    title="Toy",
    question="Does it answer?",
    about="A toy.",
    minutes=1,
    topology=storefront.TOPOLOGY,
    parts=storefront.PARTS,
    controls=(
        storefront.ENGINE,
        storefront.what_is_read("row"),
        storefront.clients(1),
        storefront.rate(10),
        storefront.skew(0),
    ),
    strategies={"no-cache": Strategy("no-cache", "No cache", read)},
    pick_strategy=lambda settings: "no-cache",
    actions=(),
    checks=(Check("answered", "It answers", answered),),
    charts=storefront.CHARTS,
    tiles=("done_per_s",),
    run_reference=reference,
)
