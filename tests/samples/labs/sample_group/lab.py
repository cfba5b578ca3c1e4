"""A lab with a replication group for the tests of the web: three caches and three sentinels in
three zones, two endpoints. It runs nothing.
"""

from labs.lab import Action, Check, Choice, Lab, Link, Node, Number, Strategy, Topology, Verdict

ZONES = ("zone a", "zone b", "zone c")


def read(shop, cache, key, ttl_s):
    return shop.page(key)


lab = Lab(
    id="sample-group",
    title="A sample group",
    question="What does a group do?",
    about="Caches, sentinels, endpoints.",
    minutes=5,
    topology=Topology(
        nodes=(
            Node("app", "Writer and readers", "app", about="knows two names, no server"),
            Node("primary-endpoint", "primary endpoint", "endpoint"),
            Node("reader-endpoint", "reader endpoint", "endpoint"),
            *(
                Node(
                    f"cache-{number:03}",
                    f"cache-{number:03}",
                    "redis",
                    zone=zone,
                    waits=number == 3,
                )
                for number, zone in enumerate(ZONES, 1)
            ),
            *(
                Node(f"sentinel-{zone[-1]}", f"sentinel {zone[-1]}", "sentinel", zone=zone)
                for zone in ZONES
            ),
        ),
        links=(
            Link("to-primary", "app", "primary-endpoint"),
            Link("to-reader", "app", "reader-endpoint"),
        ),
    ),
    controls=(
        Choice("client_zone", "Clients in", tuple((zone, zone[-1]) for zone in ZONES), ZONES[2]),
        Number("zone_delay_ms", "Between zones", 0, 100, 1, 1, unit="ms"),
    ),
    strategies={"read": Strategy("read", "Read", read)},
    pick_strategy=lambda settings: "read",
    actions=(
        Action("cut", "Cut off a zone", "break", lambda sandbox: "Zone a is cut off.", fault=True),
    ),
    checks=(
        Check("promoted", "A replica is promoted", lambda sandbox: Verdict("unmet", "Not yet.")),
    ),
    charts=(),
    tiles=(),
    run_reference=lambda sandbox: None,
)
