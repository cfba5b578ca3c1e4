"""Cacheground's settings, read once from the environment and checked before anything starts.

Guesses nothing: a missing, wrong or misspelt setting is an error with its name. No message has the
value of a setting in it that may be a secret.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labs.client import check_redis_url
from portal.database_url import check_database_url

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "CACHEGROUND_"
ISOLATIONS = ("auto", "cage", "process", "fake")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


class SettingsError(Exception):
    """Settings are missing or wrong; the text names each of them."""


def _secret(raw: str) -> str:
    if len(raw) < 32:
        raise ValueError("it has fewer than 32 characters: it takes 32 or more, chosen by chance")
    return raw


def _whole(most: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not (raw.isascii() and raw.isdecimal()) or int(raw) > most:
            raise ValueError(f"{raw[:40]!r} is not a whole number from 0 to {most}")
        return int(raw)

    return parse


def _path(raw: str) -> Path:
    if "\n" in raw:
        raise ValueError("it has a line end in it, and is the path of one folder")
    return Path(raw).absolute()


def _folder(raw: str) -> Path:
    folder = _path(raw)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    return folder


def _folders(raw: str) -> tuple[Path, ...]:
    return tuple(_folder(part) for part in raw.split(os.pathsep) if part)


def _isolation(raw: str) -> str:
    if raw not in ISOLATIONS:
        raise ValueError(f"{raw[:40]!r} is no isolation: there are {', '.join(ISOLATIONS)}")
    return raw


def host_names(raw: str) -> tuple[str, ...]:
    """The names of TRUSTED_HOSTS; ValueError for what is none."""
    return tuple(_host_name(part.strip()) for part in raw.split(",") if part.strip())


def _host_name(name: str) -> str:
    """A name, an IPv4 address, or an IPv6 address in brackets, as a Host header has it."""
    bare = name.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        try:
            if _NAME.fullmatch(name.removeprefix(".").encode("idna").decode("ascii")):
                return name
        except UnicodeError:  # an empty label, or a letter that no name has
            pass
        raise ValueError(
            f"{name[:80]!r} is no host name: it is a name such as labs.example.org, .example.org "
            "for all names below, or an address, without http:// and without a port"
        ) from None
    return f"[{address}]" if address.version == 6 else str(address)


def _any(raw: str) -> str:
    return raw


def _setting(
    variable: str, parse: Callable[[str], object], about: str, *, required: bool = False
) -> dict[str, object]:
    return {"variable": variable, "parse": parse, "about": about, "required": required}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the web and the recorder need to know of an installation. Built once, then handed on."""

    database_url: str = field(
        repr=False,
        metadata=_setting(
            "DATABASE_URL",
            check_database_url,
            "The portal's own Postgres: learners, progress, answers, outcomes. postgresql://…",
            required=True,
        ),
    )
    redis_url: str = field(
        repr=False,
        metadata=_setting(
            "REDIS_URL",
            check_redis_url,
            "The portal Redis: requests to the labs, feeds, caches; nothing that may not be "
            "lost. redis://… or unix://…",
            required=True,
        ),
    )
    secret_key: str = field(
        repr=False,
        metadata=_setting(
            "SECRET_KEY",
            _secret,
            "Signs the learner's cookie; at least 32 characters. With another key no "
            "learner is recognised.",
            required=True,
        ),
    )
    state: Path = field(
        default=ROOT / "var",
        metadata=_setting("CACHEGROUND_STATE", _path, "The folder for what is made at run time."),
    )
    lessons: Path = field(
        default=ROOT / "lessons",
        metadata=_setting("CACHEGROUND_LESSONS", _folder, "The folder of the lessons."),
    )
    trusted_hosts: tuple[str, ...] = field(
        default=(),
        metadata=_setting(
            "TRUSTED_HOSTS",
            host_names,
            "Host names that are answered, separated by commas; a leading dot takes all names "
            "below. Empty: any.",
        ),
    )
    trusted_proxies: int = field(
        default=0,
        metadata=_setting(
            "TRUSTED_PROXIES",
            _whole(5),
            "How many proxies in front are trusted with the client's address, scheme and host.",
        ),
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of the environment; SettingsError names all that is missing or wrong."""
        environment = os.environ if environment is None else environment
        problems = list(_problems(environment))
        values: dict[str, object] = {}
        for name, spec in cls.__dataclass_fields__.items():
            variable, parse = spec.metadata["variable"], spec.metadata["parse"]
            raw = environment.get(variable, "").strip()
            if not raw and spec.metadata["required"]:
                problems.append(f"{variable} is missing. {spec.metadata['about']}")
            elif raw and not problems:
                values[name] = parse(raw)
        if problems:
            raise SettingsError("\n".join(problems))
        # each value was made by the parser of its field
        return cls(**values)  # type: ignore[arg-type]


OF_THE_PORTAL: dict[str, Callable[[str], object]] = {
    spec.metadata["variable"]: spec.metadata["parse"]
    for spec in Settings.__dataclass_fields__.values()
}
OF_THE_LABS: dict[str, Callable[[str], object]] = {
    "CACHEGROUND_ISOLATION": _isolation,
    "CACHEGROUND_POOL": _whole(100),
    "CACHEGROUND_ROOM": _whole(10_000),
    "CACHEGROUND_ENGINES": _folder,
    "CACHEGROUND_LABS": _folders,
    "CACHEGROUND_TEMPLATE": _path,
}
# docker-compose.yml alone reads these.
_OF_COMPOSE = dict.fromkeys(("CACHEGROUND_PUBLISH", "CACHEGROUND_LABS_MEMORY"), _any)
VARIABLES = {**OF_THE_PORTAL, **OF_THE_LABS, **_OF_COMPOSE}


def given(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """All settings that are set, whichever program reads them, each folder by its absolute path: a
    program that is started works in another. SettingsError names those that are wrong or don't
    exist.
    """
    environment = os.environ if environment is None else environment
    if problems := list(_problems(environment)):
        raise SettingsError("\n".join(problems))
    stripped = {name: environment.get(name, "").strip() for name in VARIABLES}
    return {name: _as_text(name, raw) for name, raw in stripped.items() if raw}


def _as_text(name: str, raw: str) -> str:
    value = VARIABLES[name](raw)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple) and value and all(isinstance(one, Path) for one in value):
        return os.pathsep.join(map(str, value))
    return raw


def near_misses(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable that has nearly the name of a setting which isn't set. It may be
    another program's, so that it is no error.
    """
    environment = os.environ if environment is None else environment
    unset = [name for name in VARIABLES if not environment.get(name, "").strip()]
    return [
        f"{name} is not a setting of Cacheground, and is left out: {near[0]} is."
        for name in sorted(environment.keys() - VARIABLES.keys())
        if (near := difflib.get_close_matches(name, unset, 1, cutoff=0.85))
    ]


def _problems(environment: Mapping[str, str]) -> Iterator[str]:
    for variable, parse in VARIABLES.items():
        raw = environment.get(variable, "").strip()
        try:
            if raw:
                parse(raw)
        except ValueError as exc:
            yield f"{variable}: {exc}."
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, 1)
            meant = f": {near[0]} may be meant" if near else ""
            yield f"{name} is not a setting of Cacheground{meant}. Correct it, or unset it."
