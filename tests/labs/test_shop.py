"""The shop on a real Postgres: prepared once, copied per sandbox, counted by itself, read at three
costs.
"""

import json
import statistics
from array import array

import psycopg
import pytest

from labs.clients.address import straight
from labs.clients.postgres import connect
from labs.engines.postgres import Postgres
from labs.errors import BadInput, ServerDown
from labs.shop import queries
from labs.shop.popularity import category_of
from labs.shop.shop import LeanShop, SqlAlchemyShop, items
from labs.shop.versions import version_of
from tests.processes import pause, resume
from tests.waiting import eventually

PASSWORD = "the sandbox's own"
KINDS = tuple(queries.READS)


@pytest.fixture
def server(rack, database_directory):
    server = Postgres("database", rack.address(), database_directory, PASSWORD)
    rack.start(server)
    yield server
    server.close()


@pytest.fixture
def lean(server):
    shop = LeanShop(straight(server.address), password=PASSWORD)
    yield shop
    shop.close()


@pytest.fixture
def commands():
    return []


@pytest.fixture
def alchemy(server, commands):
    shop = SqlAlchemyShop(
        server.address, password=PASSWORD, on_command=lambda *command: commands.append(command)
    )
    yield shop
    shop.close()


@pytest.fixture(params=["lean", "alchemy"])
def shop(request):
    return request.getfixturevalue(request.param)


def connected(server, user="learner", password=PASSWORD):
    """A connection by TCP, a learner's by the socket."""
    host = str(server.data) if user == "learner" else server.address.host
    return connect(
        host=host,
        port=server.address.port,
        user=user,
        password=password,
        timeout_s=2.0,
    )


def test_both_shops_answer_alike_with_one_statement_each_counted_at_once(server, lean, alchemy):
    for what in KINDS:
        lean.what = alchemy.what = what
        item = items(what, 1)[0]
        before = server.queries()

        answer = alchemy.read(item)
        after_one = server.queries()

        assert lean.read(item) == answer == json.loads(json.dumps(answer))
        assert (after_one - before, server.queries() - after_one) == (1, 1), what
        assert answer["version"] == version_of(server, what, item)


def test_a_new_price_raises_the_version_by_one_with_both_clients(server, lean, alchemy):
    for what in KINDS:
        lean.what = alchemy.what = what
        item = items(what, 1)[0]
        committed = version_of(server, what, item)
        assert committed is not None

        assert (lean.change_price(item, 9.99), alchemy.change_price(item, 12.5)) == (
            committed + 1,
            committed + 2,
        )
        assert lean.read(item)["version"] == version_of(server, what, item) == committed + 2
    lean.what = "row"
    product = items("row", 1)[0]
    lean.change_price(product, 19.95)
    assert lean.read(product)["price"] == 19.95


def test_every_item_that_the_workload_draws_is_there(lean):
    for what in KINDS:
        lean.what = what
        drawn = items(what, 1_000)
        for item in (drawn[0], drawn[len(drawn) // 2], drawn[-1]):
            assert lean.read(item)[queries.KEYS[what]] == item


def test_popular_products_have_most_of_the_reviews(lean):
    popular = items("page", 2_000)

    reviews = [lean.read(popular[rank])["reviews"] for rank in (0, 20, 200, 1_900)]

    assert reviews == sorted(reviews, reverse=True)
    assert reviews[0] > 30 * reviews[-1]


def test_the_three_reads_differ_in_cost(lean):
    medians = {}
    for what in KINDS:
        lean.what = what
        drawn = items(what, 60)
        for item in drawn[:10]:
            lean.read(item)
        lean.times = array("Q")
        for item in drawn:
            lean.read(item)
        medians[what] = statistics.median(lean.times)

    assert medians["page"] > 5 * medians["row"]
    assert medians["ranking"] > 2 * medians["page"]


def test_no_plan_reads_a_large_table_whole(server):
    with connect(
        host=str(server.data),
        port=server.address.port,
        user="lab_agent",
        timeout_s=5.0,
        options="-c search_path=shop",
    ) as connection:
        connection.execute("SET search_path = shop")
        for what in ("row", "page"):
            statement = queries.filled_in(queries.READS[what], {"product_id": 1010})
            plan = "\n".join(
                line for (line,) in connection.execute(f"EXPLAIN {statement}".encode()).fetchall()
            )
            assert "Seq Scan on reviews" not in plan and "Seq Scan on order_items" not in plan, plan


def test_an_item_that_is_not_there_is_said_so(server, shop):

    with pytest.raises(BadInput):
        shop.read(99_999_999)


def test_each_statement_is_reported_with_its_answer_and_its_time(alchemy, commands):
    alchemy.what = "row"
    alchemy.read(1010)
    alchemy.change_price(1010, 20)

    (command, reply, took_ms, meaning), (update, _, _, wrote) = commands
    assert command == queries.filled_in(queries.ROW, {"product_id": 1010})
    assert json.loads(reply)["product_id"] == 1010
    assert took_ms > 0
    assert "price = 20.00" in update
    assert (meaning, wrote) == ("read", "write")


def test_the_load_can_empty_the_times_and_count_statements(lean):
    lean.read(1)
    lean.read(2)

    assert (len(lean.times), lean.queries) == (2, 2)


def test_a_killed_database_is_down_and_after_its_restart_the_first_read_is_answered(
    rack, server, shop
):
    shop.read(1)
    run = server.counters()["run"]

    rack.kill(server)
    with pytest.raises(ServerDown):
        shop.read(1)
    with pytest.raises(ServerDown):
        server.queries()
    rack.start(server)

    assert shop.read(1)["product_id"] == 1
    assert server.counters()["run"] != run
    assert server.queries() == 1


def test_a_restart_between_two_reads_is_not_noticed(rack, server, shop):
    shop.read(1)

    rack.kill(server)
    rack.start(server)

    assert shop.change_price(1, 5) == 2


def test_a_paused_database_is_down_until_it_is_resumed(rack, server, shop):
    shop.read(1)
    pause(rack.processes[server.name].pid)

    with pytest.raises(ServerDown):
        server.queries()
    with pytest.raises(ServerDown):
        shop.read(1)

    resume(rack.processes[server.name].pid)
    assert eventually(lambda: _answers(server))
    assert shop.read(1)["product_id"] == 1


def test_each_of_ten_kills_is_followed_by_a_start(rack, server):
    for _ in range(10):
        rack.kill(server)
        assert rack.start(server).startswith(("15", "16", "17", "18"))


def test_the_application_s_password_is_this_sandbox_s_own(server):
    with pytest.raises(psycopg.OperationalError, match="password"):
        connected(server, "shop_app", "another")
    connected(server, "shop_app").close()


@pytest.mark.parametrize("user", ["lab_agent", "lab_reader", "learner"])
def test_no_other_role_is_reached_from_the_network(server, user):
    with pytest.raises(psycopg.OperationalError, match="rejects"):
        connect(
            host=server.address.host,
            port=server.address.port,
            user=user,
            password=PASSWORD,
            timeout_s=2.0,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "COPY products TO PROGRAM 'id'",
        "COPY products FROM '/etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "CREATE EXTENSION dblink",
        "CREATE EXTENSION plpgsql",
        "CREATE DATABASE other",
        "CREATE ROLE other",
        "SET ROLE lab_agent",
        "ALTER ROLE learner SUPERUSER",
        "ALTER SYSTEM SET port = 1",
        "CREATE TEMP TABLE t (i int)",
        "CREATE TABLE public.t (i int)",
        "SET temp_file_limit = -1",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lab_agent'",
        "SELECT pg_reload_conf()",
        "CHECKPOINT",
        "SELECT pg_stat_statements_reset()",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
        "SELECT rolpassword FROM pg_authid",
        "DROP DATABASE shop",
        "LOAD 'x'",
        "ALTER ROLE shop_app PASSWORD 'x'",
        "GRANT lab_agent TO learner",
        "CREATE SERVER s FOREIGN DATA WRAPPER w",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
    ],
)
def test_hostile_statements_are_denied_to_the_learner(server, statement):
    with (
        connected(server) as connection,
        pytest.raises(
            (
                psycopg.errors.InsufficientPrivilege,
                psycopg.errors.InvalidParameterValue,
                psycopg.errors.FeatureNotSupported,
                psycopg.errors.UndefinedObject,
                psycopg.errors.UndefinedFunction,
            )
        ),
    ):
        connection.execute(statement.encode())


def test_the_learner_may_look_change_and_break_the_shop(server):
    with connected(server) as connection:
        connection.execute("CREATE INDEX ON reviews (customer_id)")
        connection.execute("UPDATE products SET price = price + 1 WHERE product_id = 1")
        connection.execute("DROP TABLE order_items")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("5s",)


def test_the_learners_statements_do_not_count_as_the_applications(server):
    before = server.queries()
    with connected(server) as connection:
        connection.execute("SELECT 1")
    version_of(server, "row", 1)

    assert server.queries() == before


def _answers(server):
    try:
        return server.ready(0.5)
    except ServerDown:
        return None


def test_a_price_change_can_return_the_whole_answer_and_a_row_needs_one_statement(server, shop):
    for what in KINDS:
        shop.what = what
        item = items(what, 1)[0]
        before = server.queries()

        answer = shop.change_price_returning(item, 12.34)

        assert server.queries() - before == (1 if what == "row" else 2)
        assert json.dumps(answer) == json.dumps(shop.read(item))


def test_a_products_category_is_known_without_asking(lean):
    for product in items("page", 40):
        lean.what = "page"
        name = lean.read(product)["category"]
        lean.what = "ranking"
        assert lean.read(lean_category := category_of(product))["category"] == name
        assert lean.category_of(lean_category) == lean_category
        lean.what = "row"
        assert lean.category_of(product) == lean_category
