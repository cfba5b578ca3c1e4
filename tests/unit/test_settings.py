"""Settings are checked before anything starts; what is wrong is named, and no secret is shown."""

from __future__ import annotations

import os
import traceback

import pytest
from redis import Redis

from labs.host.isolation import KINDS
from labs.host.portal_redis import check_redis_url
from portal.database_url import check_database_url
from portal.db import make_engine
from portal.settings import ISOLATIONS, Settings, SettingsError, given, near_misses

SECRET = "s3cr3t"
RIGHT = {
    "DATABASE_URL": f"postgresql://user:{SECRET}@host/name",
    "REDIS_URL": f"redis://:{SECRET}@host",
    "SECRET_KEY": SECRET * 6,
}


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("postgresql+psycopg2://user:s3cr3t@host/name", "driver"),
        ("postgresql+asyncpg://user:s3cr3t@host/name", "driver"),
        ("mysql://user:s3cr3t@host/name", "postgresql://"),
        ("user:s3cr3t@host/name", "postgresql://"),
        ("postgresql://user:s3cr3t@host:port/name", "port"),
        ("postgresql://user:s3cr3t@host:99999/name", "port"),
        ("postgresql://user:s3cr3t@host:0/name", "port"),
        ("postgresql://user:s3cr3t@host", "names no database"),
        ("postgresql://user:s3cr3t@host/", "names no database"),
        ("postgresql://user:s3cr3t%zz@host/name", "%"),
        ("postgresql://user:s3cr3t@s3cr3t@host/name", "%40"),
        ("postgresql://user:s3cr3t/s3cr3t@host/name", "%2F"),
        ("postgresql://user:s3cr3t@[::1/name", "brackets"),
        ("postgresql://user:s3cr3t@host/name?s3cr3t=1", "option"),
        ("postgresql://user:s3cr3t@host/name?sslmode=s3cr3t", "verify-full"),
        ("postgresql://user:s3cr3t@host/name?connect_timeout=s3cr3t", "connect_timeout"),
    ],
)
def test_a_wrong_address_of_postgres_is_explained_without_its_password(address, word):
    with pytest.raises(SettingsError) as caught:
        given({"DATABASE_URL": address})

    said = "".join(traceback.format_exception(caught.value))
    assert "DATABASE_URL: " in str(caught.value) and word in str(caught.value)
    assert SECRET not in said
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("http://:s3cr3t@host", "redis://"),
        ("host:6379", "redis://"),
        ("redis://:s3cr3t/s3cr3t@host", "%2F"),
        ("redis://:s3cr3t#s3cr3t@host", "%23"),
        ("redis://:s3cr3t@s3cr3t@host:x", "port"),
        ("redis://:s3cr3t@host:70000", "65535"),
        ("redis://:s3cr3t@host:0", "host"),
        ("redis://:s3cr3t@[::1", "brackets"),
        ("redis://", "host"),
        ("redis://:s3cr3t@host/name", "/0"),
        ("redis://:s3cr3t@host?s3cr3t=1", "option"),
        ("redis://:s3cr3t@host?db=s3cr3t", "option"),
        ("rediss://:s3cr3t@host?ssl_cert_reqs=s3cr3t", "option"),
        ("unix://redis.sock", "socket"),
    ],
)
def test_a_wrong_address_of_redis_is_explained_without_its_password(address, word):
    with pytest.raises(SettingsError) as caught:
        given({"REDIS_URL": address})

    said = "".join(traceback.format_exception(caught.value))
    assert "REDIS_URL: " in str(caught.value) and word in str(caught.value)
    assert SECRET not in said
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql:///name",
        "postgres://user@host/name",
        "postgresql+psycopg://user:p%40ss@[::1]:5433/name?sslmode=verify-full&sslrootcert=/a%20b",
        "postgresql://a,b:5433/name?target_session_attrs=read-write",
        "postgresql://user@/name?host=/run/a%20folder",
    ],
)
def test_what_libpq_takes_is_taken(address):
    assert check_database_url(address).startswith("postgresql://")
    make_engine(address).dispose()


@pytest.mark.parametrize(
    "address",
    [
        "redis://host",
        "redis://user:p%40ss@[::1]:6380/3",
        "rediss://host?ssl_cert_reqs=none",
        "unix:///run/a%20folder/redis.sock?db=1",
    ],
)
def test_what_redis_takes_is_taken(address):
    assert check_redis_url(address) == address
    Redis.from_url(address).close()


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("SECRET_KEY", SECRET, "32"),
        ("TRUSTED_PROXIES", "many", "0 to 5"),
        ("TRUSTED_PROXIES", "6", "0 to 5"),
        ("TRUSTED_PROXIES", "²", "0 to 5"),
        ("TRUSTED_HOSTS", "https://a.example", "without http://"),
        ("TRUSTED_HOSTS", "a.example:8000", "port"),
        ("TRUSTED_HOSTS", "a.example, *", "'*'"),
        ("TRUSTED_HOSTS", "a..example", "name"),
        ("CACHEGROUND_ISOLATION", "walls", "process"),
        ("CACHEGROUND_POOL", "-1", "0 to 100"),
        ("CACHEGROUND_POOL", "two", "0 to 100"),
        ("CACHEGROUND_ROOM", "1e3", "0 to 10000"),
        ("CACHEGROUND_LESSONS", "/nowhere/lessons", "no folder"),
        ("CACHEGROUND_ENGINES", "/nowhere/engines", "no folder"),
        ("CACHEGROUND_LABS", "/tmp:/nowhere/labs", "no folder"),
        ("CACHEGROUND_STATE", "a\nb", "line end"),
    ],
)
def test_each_setting_that_is_wrong_is_named_with_what_would_be_right(variable, value, word):
    with pytest.raises(SettingsError) as caught:
        given({variable: value})

    assert str(caught.value).startswith(f"{variable}: ")
    assert word in str(caught.value)
    assert SECRET not in str(caught.value)


def test_all_that_is_wrong_is_named_at_once():
    with pytest.raises(SettingsError) as caught:
        given({"DATABASE_URL": "x", "REDIS_URL": "x", "CACHEGROUND_POOL": "x"})

    assert len(str(caught.value).splitlines()) == 3


def test_a_misspelt_setting_of_cacheground_s_own_is_an_error():
    with pytest.raises(SettingsError, match="CACHEGROUND_ISOLATION may be meant"):
        given({"CACHEGROUND_ISOLATON": "cage"})


def test_a_name_that_is_nearly_a_setting_is_pointed_out():
    (note,) = near_misses({"DATABASE_URI": "x", "PATH": "/bin", "SECRET": "x"})

    assert "DATABASE_URI" in note and "DATABASE_URL is" in note
    assert near_misses({"DATABASE_URI": "x", "DATABASE_URL": "postgresql:///name"}) == []


def test_an_empty_setting_is_one_that_is_not_set():
    assert given({"DATABASE_URL": "", "REDIS_URL": "  ", "CACHEGROUND_POOL": ""}) == {}


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("CACHEGROUND_TEMPLATE", ["made later"]),
        ("CACHEGROUND_ENGINES", ["engines"]),
        ("CACHEGROUND_LABS", ["engines", "labs"]),
    ],
)
def test_a_relative_folder_is_one_of_the_folder_where_it_was_set(
    tmp_path, monkeypatch, name, folders
):
    """The programs that read it work in other folders."""
    for folder in ("engines", "labs"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)

    found = given({name: os.pathsep.join(folders)})

    assert found == {name: os.pathsep.join(str(tmp_path / folder) for folder in folders)}


def test_settings_and_engines_do_not_show_a_secret():
    settings = Settings.from_environment(RIGHT)
    engine = make_engine(settings.database_url)

    assert SECRET in settings.database_url
    assert SECRET not in repr(settings)
    assert SECRET not in repr(engine) + repr(engine.url) + str(engine.pool)
    engine.dispose()


def test_an_ipv6_host_is_trusted_in_its_usual_form():
    settings = Settings.from_environment({**RIGHT, "TRUSTED_HOSTS": "::1, [FD00::0:2], a.example"})

    assert settings.trusted_hosts == ("[::1]", "[fd00::2]", "a.example")


def test_the_isolations_of_the_settings_are_those_of_the_labs():
    assert ("auto", *KINDS) == ISOLATIONS
