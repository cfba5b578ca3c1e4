"""The load's specifications cross a process border with their access: a program that is made on the
other side speaks TLS to a real redis-server and is let in.
"""

import pickle
import time

import pytest

from labs.catalogue import find
from labs.clients.access import Access
from labs.load.commits import Commits
from labs.network.links import Route
from labs.setups.changes.workload import ChangesSpec
from labs.setups.journal.workload import NumbersSpec
from labs.setups.replication.workload import EndpointSpec
from labs.setups.shop.workload import ShopSpec
from tests.labs.test_tls import PASSWORD, RedisServer


@pytest.fixture
def redis(rack, authority):
    server = RedisServer(rack, authority)
    rack.start(server)
    return server


def shop(server, access, _directory):
    route = Route(server.address, server.address, "", 0)
    return ShopSpec(
        rate_per_s=1_000.0,
        strategy=find("cache-aside").strategies["cache-aside"],
        ttl_s=60.0,
        what="row",
        items=(1,),
        skew=1.0,
        write_share=0.0,
        behind_share=0.0,
        engine="redis",
        cache=route,
        cache_access=access,
        database=route,
        database_password="",
    )


def numbers(server, access, _directory):
    return NumbersSpec(
        rate_per_s=1_000.0,
        strategy=find("durability").strategy({}),
        link="redis",
        server=Route(server.address, server.address, "", 0),
        access=access,
        first=1,
        last=5,
    )


def changes(server, access, directory):
    return ChangesSpec(
        rate_per_s=1_000.0,
        link="shop",
        redis=Route(server.address, server.address, "", 0),
        access=access,
        notebook=str(directory / "0"),
        products=9,
    )


def endpoint(server, access, _directory):
    return EndpointSpec(
        rate_per_s=1_000.0,
        endpoint=server.address,
        link="to-primary",
        access=access,
        list_name="flight:1",
        reads=False,
        own_reads_at=server.address,
    )


@pytest.mark.parametrize("spec_of", [shop, numbers, changes, endpoint])
def test_a_program_made_from_a_pickled_specification_speaks_tls(redis, tmp_path, spec_of):
    client = redis.client()
    client.command("SET", "row:1", '{"version": 1}')
    client.close()
    access = Access("shop", PASSWORD, redis.tls)

    sent = pickle.dumps(spec_of(redis, access, tmp_path))
    program = pickle.loads(sent).program(Commits())
    program.once(time.monotonic())
    batch = program.take_batch()
    program.close()

    assert (batch.done, batch.errors, batch.problem) == (1, 0, "")


@pytest.mark.parametrize("spec_of", [shop, numbers, changes, endpoint])
def test_without_tls_it_is_sent_away_and_counts_an_error(redis, tmp_path, spec_of):
    program = spec_of(redis, Access("shop", PASSWORD), tmp_path).program(Commits())
    program.once(time.monotonic())
    batch = program.take_batch()
    program.close()

    assert (batch.done, batch.errors) == (0, 1)


def test_no_password_is_shown_with_a_specification(redis, tmp_path):
    specs = [
        spec_of(redis, Access("shop", PASSWORD), tmp_path)
        for spec_of in (numbers, changes, endpoint)
    ]

    assert PASSWORD not in repr(specs)
