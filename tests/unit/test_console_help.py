"""What the consoles answer to a learner who does not know their language: `help`, and SQL that was
typed into the console of a cache.
"""

from types import SimpleNamespace

import pytest

from labs.clients.access import Access
from labs.clients.address import Address
from labs.errors import CommandRefused
from labs.fake.clients import FakeConsole
from labs.sandbox.console import Answer
from labs.sandbox.consoles import Consoles
from labs.sandbox.memcached_lines import Lines
from labs.sandbox.redis_cli.refusals import refuse
from labs.sandbox.redis_cli.words import split
from labs.sandbox.sql_console import SqlConsole
from labs.sandbox.typed import looks_like_sql

ERROR = "(error) ERR wrong number of arguments for 'select' command"


class RefusesAll(FakeConsole):
    """A server that answers each command with an error."""

    def run(self, command):
        return Answer(ERROR, True, 0.1)


def consoles_of(**kinds):
    """The consoles of a lab with a server of each of these kinds of engine, by its name."""
    engines = {
        name: SimpleNamespace(kind=kind, address=1, access=lambda user: user)
        for name, kind in kinds.items()
    }
    nodes = [SimpleNamespace(name=name, label=name, has_console=True) for name in kinds]
    return Consoles(
        SimpleNamespace(
            servers={
                name: SimpleNamespace(state="up", engine=engine) for name, engine in engines.items()
            },
            topology=SimpleNamespace(
                nodes=nodes, node=lambda name: next(one for one in nodes if one.name == name)
            ),
            doubles=SimpleNamespace(console=RefusesAll),
            emit=lambda event: None,
            say=lambda sentence: None,
        )
    )


@pytest.mark.parametrize("line", ["help", "HELP", "?", "help GET"])
def test_help_in_the_console_of_redis_names_commands_that_it_runs(line):
    with pytest.raises(CommandRefused, match="redis-cli") as refused:
        refuse(split(line), queued=False)

    assert refused.value.hint.startswith("Try INFO stats")
    for tried in ("INFO stats", "KEYS *", "COMMAND DOCS GET"):
        assert tried in refused.value.hint
        refuse(split(tried), queued=False)


@pytest.mark.parametrize("line", ["help", "HELP;", " help ", "?"])
def test_help_in_the_console_of_postgres_is_a_sentence_with_a_statement(line):
    console = SqlConsole(Address("127.0.0.1", 1), Access("learner"))

    with pytest.raises(CommandRefused, match="This console takes SQL") as refused:
        console.run(line)

    assert "select * from shop.products" in refused.value.hint


def test_help_in_the_console_of_memcached_names_commands():
    request = Lines().take("help")

    assert request is not None and request.notice.startswith("Try stats")


@pytest.mark.parametrize("kind", ["redis", "memcached"])
def test_sql_in_the_console_of_a_cache_is_sent_on_to_that_of_the_database(kind):
    consoles = consoles_of(cache=kind, database="postgres")

    answer = consoles.run("cache", "SELECT * FROM products")

    assert answer.output == ERROR
    assert answer.notice == "This is SQL. Choose “database” above, and run it in that console."


def test_where_no_server_takes_sql_that_is_said():
    answer = consoles_of(cache="redis").run("cache", "select name from products")

    assert answer.notice == "This is SQL, and no server of this lab takes SQL."


def test_each_of_several_pasted_lines_is_judged_alone():
    answer = consoles_of(cache="redis", database="postgres").run("cache", "PING\nSELECT * FROM p")

    assert [bool(part.notice) for _, part in answer.parts] == [False, True]


@pytest.mark.parametrize("command", ["select 1", "SELECT 99", "GET select", "WITH", "UPDATE"])
def test_a_command_of_redis_is_no_sql(command):
    assert not looks_like_sql(command)


@pytest.mark.parametrize(
    "command",
    [
        "select * from products;",
        "SELECT price FROM products WHERE product_id = 42",
        "insert into products values (1)",
        "update products set price = 1",
        "delete from products",
        "drop table products",
        "explain select 1",
    ],
)
def test_a_statement_is_sql(command):
    assert looks_like_sql(command)
