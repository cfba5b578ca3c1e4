"""The agent is a superuser among a learner's own tables: what a learner puts there must never run
with the agent's rights.
"""

import pytest

from labs.headless import own_supervisor


@pytest.fixture
def opened():
    with own_supervisor() as supervisor:
        sandbox = supervisor.open("cache-aside", {})
        yield lambda call, **args: supervisor.call(sandbox, call, **args)


def sql(opened, statement):
    return opened("console", server="database", command=statement)


def test_a_view_in_place_of_a_table_runs_without_the_agents_rights(opened):
    for statement in (
        "ALTER TABLE shop.products RENAME TO real_products",
        "CREATE TABLE shop.seen (who text)",
        "GRANT ALL ON shop.seen TO PUBLIC",
        "CREATE FUNCTION shop.spy() RETURNS integer LANGUAGE sql VOLATILE AS $$ INSERT INTO "
        "shop.seen VALUES (current_user) RETURNING 1 $$",
        "CREATE VIEW shop.products AS SELECT product_id, category_id, name, price, version + 0 "
        "* shop.spy() AS version FROM shop.real_products",
        "GRANT SELECT ON shop.products TO PUBLIC",
    ):
        assert not sql(opened, statement)["failed"], statement

    opened("action", name="read", fields={"item": 42})

    seen = sql(opened, "SELECT DISTINCT who FROM shop.seen")["output"]
    assert "lab_reader" in seen  # we did look, or this would prove nothing
    assert "lab_agent" not in seen


def test_a_learner_can_not_reset_the_counters_that_checks_read(opened):
    assert sql(opened, "SELECT public.pg_stat_statements_reset()")["failed"]
