"""What the console of Postgres prints, compared with psql on the same server."""

import re
import shutil
import subprocess

import pytest

from labs.sandbox.sql_console import SqlConsole
from tests.labs.conftest import databases


@pytest.fixture(scope="module")
def server(shop_template):
    """One for all tests of this file."""
    with databases(shop_template) as made:
        yield made


@pytest.fixture
def engine(server):
    return server[1]


@pytest.fixture
def console(engine):
    console = SqlConsole(engine.address, engine.access("learner"))
    yield console
    console.close()


@pytest.fixture
def psql(engine, needs):
    """What psql prints for a command in a session of its own, errors included, without the blank
    lines at the end.
    """
    program = shutil.which("psql")
    needs(program is not None, "psql")
    terminal = {
        "PGOPTIONS": "-c statement_timeout=7000",
        "LC_ALL": "C.UTF-8",
        "PGCLIENTENCODING": "UTF8",
        "PATH": "/usr/bin:/bin",
    }

    options = f"stdbuf -o0 {program} -X -P pager=off -U learner -p {engine.address.port}"

    def printed(command):
        done = subprocess.run(
            [*options.split(), "-h", engine.data, "-c", command, "shop"],
            env=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout.rstrip("\n")

    return printed


SAME = [
    "select 1",
    "select 1 as a, 'x' as b, null as c",
    "select product_id, name, price from products order by product_id limit 3",
    "select product_id, name from products where false",
    "select",
    "select from generate_series(1, 3)",
    "select 1; select 2",
    "select 1 as a; select 'two' as b, 3 as c; select null",
    "select 1; select nope; select 2",
    "insert into categories values (900, 'New'); delete from categories where category_id = 900",
    "update products set price = price where product_id = 42",
    "update products set price = price where product_id in (1, 2) returning product_id, price",
    "delete from products where false returning *",
    "begin; update products set price = 1 where product_id = 1; rollback",
    "begin; select 1/0; select 1; commit",
    "rollback",
    "commit",
    "drop table if exists nope",
    "create table shop.t (a int primary key, b text); drop table t",
    "create table shop.t (a int); insert into t values (1), (2); select * from t; drop table t",
    "select * from nope",
    "select product_idd from products",
    "select nope()",
    "selct 1",
    "select 1\nfrom products\nwhere prices = 3",
    "select 1,\t2,\n\tnope",
    "select 'a' || 1 || repeat('x', 3) || '" + "y" * 42 + "' || nope || 'z'",
    "select " + "1" * 76 + " + nope",
    "select " + "1" * 76 + " + nope, '" + "y" * 76 + "'",
    "select nope, '" + "y" * 76 + "'",
    "select 'é', '日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語', nope",
    "select 'é', 'üüü', nope",
    "select 'open",
    "insert into products values (1, 1, 'x', 1)",
    "insert into products values (-1, 1, 'x', -5)",
    "insert into products (product_id) values (-1)",
    "select 1/0",
    "select 'x'::int",
    "select E'two\\nlines' as a, 1 as b",
    "select 1 as b, E'two\\nlines' as a",
    "select E'a\\nb\\nc' as a, E'd\\ne' as b, 3 as c union all select 'x', E'y\\n', 4",
    'select 1 as "two\nlines", 2 as x',
    "select E'tab\\there', E'cr\\rhere', E'bell\\x07', E'\\x7f'",
    "select E'\\u0085', 'é', '日本語' as \"名\", 'x' as y",
    "select E'e\\u0301' as combined, 1 as n",
    "select '\\xdeadbeef'::bytea",
    "select true, false, 1.50::numeric, 2.5::float8, '2026-01-02'::date, '1 day'::interval",
    "select '12.30'::money, 7::oid, array[1,2,null], '{\"a\": 1}'::jsonb, '(1,2)'::point",
    "select '2026-01-02 03:04:05+00'::timestamptz, '10.0.0.1'::inet, row(1, 'x', null)",
    "explain (costs off) select * from products where product_id = 42",
    "show statement_timeout",
    "set work_mem = '1MB'; show work_mem; reset work_mem",
    "values (1, 'x'), (2, 'y')",
    "table categories",
    "prepare p as select $1::int + 1; execute p(41); deallocate p",
    "begin; declare c cursor for values (1), (2); fetch c; fetch c; fetch c; close c; commit",
    "copy (select 1) to stdout",
    "copy categories to '/tmp/x'",
    "truncate order_items; begin; rollback",
    "create view shop.v as select 1 as one; select * from v; drop view v",
    "create index i on shop.products (price); drop index shop.i",
    "set role lab_agent",
    "alter role learner superuser",
    "create table public.x (a int)",
    "grant select on products to public; revoke select on products from public",
    "-- a comment",
    "/* only a comment */",
    "select 1 -- with a comment",
    "select $$a ' b$$, 'it''s'",
    "vacuum products",
    "analyze products",
    "with x as (select 1 as a) select * from x",
    "select * from generate_series(1, 12)",
    "merge into categories using (values (1)) v(n) on category_id = n when matched then do nothing",
    "set transaction isolation level serializable",
    "savepoint a",
    "select pg_notify('nobody', 'x')",
    "lock table products",
    "select count(*) filter (where price > 20) over () from products limit 1",
]


@pytest.mark.parametrize("command", SAME)
def test_it_prints_what_psql_prints(console, psql, command):
    there = psql(command)

    assert console.run(command).output == there


DIFFERENT = {
    "messages stand where the server sent them; psql reads one result ahead": (
        "begin; begin; rollback",
        "BEGIN\nWARNING:  there is already a transaction in progress\nBEGIN\nROLLBACK",
        "WARNING:  there is already a transaction in progress\nBEGIN\nBEGIN\nROLLBACK",
    ),
    "a console has no standard input": (
        "copy categories from stdin",
        "ERROR:  COPY from stdin failed: this console sends no rows, use INSERT\n"
        "CONTEXT:  COPY categories, line 1",
        "COPY 0",
    ),
    "a tab is shown as a terminal shows it": (
        "copy (select 1, 'x', null, E'a\\tb') to stdout",
        "1       x       \\N      a\\tb",
        "1\tx\t\\N\ta\\tb",
    ),
    "signs that turn a line around are escaped": (
        "select U&'a\\202Eb' as x",
        "    x     \n----------\n a\\u202Eb\n(1 row)",
        "  x  \n-----\n a\u202eb\n(1 row)",
    ),
}


@pytest.mark.parametrize("why", DIFFERENT)
def test_it_differs_from_psql_where_that_is_meant(console, psql, why):
    command, here, there = DIFFERENT[why]

    assert (console.run(command).output, psql(command)) == (here, there)


def test_notifications_are_printed_as_psql_prints_them(console, psql):
    here = console.run("listen a; notify a, 'x'; notify a").output

    assert re.sub("PID [0-9]+", "PID n", here) == re.sub(
        "PID [0-9]+", "PID n", psql("listen a; notify a, 'x'; notify a")
    )


@pytest.mark.parametrize(
    "command",
    [
        "select 'it’s'",
        "select 1 -- “quoted” – here",
        "select $$‘x’$$, $a$“$a$",
        "select E'\\'’'",
        'select 1 as "a–b"',
    ],
)
def test_inside_of_texts_and_comments_they_are_what_was_typed(console, psql, command):
    assert console.run(command).output == psql(command)
