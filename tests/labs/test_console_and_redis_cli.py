"""The console next to the real redis-cli: the same lines, on two servers of one version, give the
same answers, letter for letter.
"""

import re
import shutil
import subprocess

import pytest

from labs.engines.redis import Redis
from labs.errors import BadInput, CommandRefused
from labs.sandbox.redis_cli.console import RedisConsole
from tests.labs.lines_of_redis_cli import BIG_NUMBER, DIFFERENT, GROUPS, UNKNOWN

PASSWORD = "the-sandbox-s-own"
SEPARATOR = "Use 'restart' only in Lua debugging mode."
"""What redis-cli says to `restart`, without asking the server: it stands between two answers."""


UNHURRIED = {"slowlog-log-slower-than": "-1"}
"""On a busy machine a command of one of them may be slow."""


@pytest.fixture
def servers(rack, needs):
    """Two servers of one version: for the console, and for redis-cli."""
    needs(shutil.which("redis-cli") is not None, "redis-cli")
    engines = []
    for name in ("ours", "theirs"):
        folder = rack.directory / name
        folder.mkdir()
        rack.own(folder)
        engine = Redis(name, rack.address(), folder, PASSWORD, scripts=True, directives=UNHURRIED)
        rack.start(engine)
        engines.append(engine)
    yield engines
    for engine in engines:
        engine.close()


@pytest.fixture
def console(servers):
    console = RedisConsole(servers[0].address, servers[0].access("learner"))
    yield console
    console.close()


def answers_of_redis_cli(engine, lines):
    """What redis-cli prints for each line on a terminal."""
    done = subprocess.run(
        [
            *("redis-cli", "--no-raw", "--no-auth-warning", "--user", "learner", "-a", PASSWORD),
            *("-h", engine.address.host, "-p", str(engine.address.port)),
        ],
        input="".join(f"{line}\nrestart\n" for line in lines).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    answers = done.stdout.decode(errors="backslashreplace").split(SEPARATOR + "\n")
    assert answers.pop() == ""
    assert len(answers) == len(lines)
    # It adds the time to an answer that took half a second; a busy machine may need that long.
    return [re.sub(r"\(\d+\.\d\ds\)\n\Z", "", answer) for answer in answers]


def shown(console, line):
    try:
        return console.run(line).output
    except BadInput as exc:
        return str(exc)


def as_shown(answer):
    """An answer of redis-cli without the line ends and letters that no page should get."""
    return answer.replace("\r\n", "\n").removesuffix("\n")


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("group", GROUPS)
def test_the_console_prints_what_redis_cli_prints(servers, console, group, protocol):
    lines = [line for line in GROUPS[group] if line not in DIFFERENT]
    console.run(f"HELLO {protocol}")
    theirs = answers_of_redis_cli(servers[1], [f"HELLO {protocol}", *lines])[1:]

    ours = [shown(console, line) for line in lines]

    different = [
        (line, mine, wanted)
        for line, mine, answer in zip(lines, ours, theirs, strict=True)
        if mine != (wanted := as_shown(answer))
    ]
    assert different == []


def test_the_comparison_is_of_more_than_two_hundred_lines():
    lines = [line for group in GROUPS.values() for line in group]

    assert len(lines) - len(DIFFERENT) > 200
    assert set(DIFFERENT) <= set(lines)


def test_what_differs_is_refused_in_words(console):
    with pytest.raises(CommandRefused, match="ElastiCache"):
        console.run("CONFIG")

    assert r"'\x1fnot printable'" in console.run(UNKNOWN).output
    assert "unknown command ''" in console.run('"" a').output
    console.run("HELLO 3")
    assert console.run(BIG_NUMBER).output == "(big number) 123456789012345678901234567890"


def test_each_prompt_is_that_of_redis_cli(servers, console):
    expected = {
        "SELECT 3": "[3]",
        "MULTI": "[3](TX)",
        "SET a b": "[3](TX)",
        "EXEC": "[3]",
        "SELECT 0": "",
    }

    assert {line: console.run(line).prompt for line in expected} == expected
