"""The view of the lab backup-restore, and the page of a lab that has no code to show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from labs.events import ServerFiguresChanged, TableChanged
from tests.web.conftest import RedisServer
from tests.web.faked_labs import FakedSandbox, faked_labs

LAB = "/labs/backup-restore"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def opened(
    app: Flask,
    client: FlaskClient,
    redis_server: RedisServer,
    learner_of: Callable[[FlaskClient], str],
) -> Iterator[FakedSandbox]:
    with faked_labs(redis_server.socket) as labs:
        assert client.post(f"{LAB}/sandbox").status_code == 303
        yield labs.opened(learner_of(client))


def test_the_script_of_the_view_gets_what_was_backed_up_as_data(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    opened.tell(TableChanged(table="backups", rows=[{"backup": "backup-001", "sha256": EVIL}]))
    opened.tell(ServerFiguresChanged(server="shop-001", lines=["19,903 keys", EVIL]))

    page = client.get(LAB).text

    assert EVIL not in page
    found = [
        json.loads(data)
        for data in re.findall(r"<cg-backups .*? data-state='([^']*)' data-tables='([^']*)'", page)[
            0
        ]
    ]
    assert found[0]["figures"]["shop-001"] == ["19,903 keys", EVIL]
    assert found[1]["backups"] == [{"backup": "backup-001", "sha256": EVIL}]


def test_a_lab_without_code_shows_none_and_offers_no_stepped_request(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    page = client.get(LAB).text

    assert f"/sandboxes/{opened.id}/load" in page
    assert "cg-code" not in page
    assert "What was sent" not in page
    assert "Start a request" not in page
    assert "Fill the cluster" in page


def test_the_buttons_of_the_view_name_the_backup_that_is_chosen(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    page = client.get(LAB).text

    for name in ("take", "restore", "copy", "delete", "damage", "delete-restored"):
        assert page.count(f'formaction="/sandboxes/{opened.id}/actions/{name}"') == 1
    assert (
        client.post(
            f"/sandboxes/{opened.id}/actions/restore", data={"backup": "../../etc/passwd"}
        ).status_code
        == 422
    )
    client.post(
        f"/sandboxes/{opened.id}/actions/damage", data={"backup": "backup-001", "how": "cut"}
    )
    assert (
        "action",
        opened.id,
        {"name": "damage", "fields": {"backup": "backup-001", "how": "cut"}},
    ) in opened.calls


def test_where_nothing_real_runs_there_is_nothing_to_back_up(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    page = client.post(f"/sandboxes/{opened.id}/actions/take", headers={"HX-Request": "true"})

    assert page.status_code == 409
    assert "nothing to back up" in page.text
