"""The portal's settings, read once from the environment.

Guesses nothing: a missing or wrong setting is an error with its name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """Settings are missing or wrong; the text names each of them."""


def _setting(variable: str, about: str, *, required: bool = False) -> dict[str, object]:
    return {"variable": variable, "about": about, "required": required}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between two installations. Built once, then handed on."""

    database_url: str = field(
        metadata=_setting(
            "DATABASE_URL",
            "The portal's own Postgres: learners, progress, answers, outcomes. postgresql://…",
            required=True,
        )
    )
    redis_url: str = field(
        metadata=_setting(
            "REDIS_URL",
            "The portal Redis: requests to the labs, feeds, caches; nothing that may not be "
            "lost. redis://… or unix://…",
            required=True,
        )
    )
    secret_key: str = field(
        repr=False,
        metadata=_setting(
            "SECRET_KEY",
            "Signs the learner's cookie; at least 32 characters. With another key no "
            "learner is recognised.",
            required=True,
        ),
    )
    state: Path = field(
        default=ROOT / "var",
        metadata=_setting("CACHEGROUND_STATE", "The folder for what is made at run time."),
    )
    lessons: Path = field(
        default=ROOT / "lessons",
        metadata=_setting("CACHEGROUND_LESSONS", "The folder of the lessons."),
    )
    trusted_hosts: tuple[str, ...] = field(
        default=(),
        metadata=_setting(
            "TRUSTED_HOSTS",
            "Host names that are answered, separated by commas; a leading dot takes all names "
            "below. Empty: any.",
        ),
    )
    trusted_proxies: int = field(
        default=0,
        metadata=_setting(
            "TRUSTED_PROXIES",
            "How many proxies in front are trusted with the client's address, scheme and host.",
        ),
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of the environment; SettingsError names all that is missing or wrong."""
        environment = os.environ if environment is None else environment
        values: dict[str, object] = {}
        problems: list[str] = []
        for name, spec in cls.__dataclass_fields__.items():
            variable = spec.metadata["variable"]
            raw = environment.get(variable, "").strip()
            if not raw:
                if spec.metadata["required"]:
                    problems.append(f"{variable} is missing. {spec.metadata['about']}")
                continue
            try:
                values[name] = _PARSERS[name](raw)
            except ValueError as exc:
                problems.append(f"{variable}: {exc}")
        if problems:
            raise SettingsError("\n".join(problems))
        # each value was made by the parser of its field
        return cls(**values)  # type: ignore[arg-type]


def _database_url(raw: str) -> str:
    scheme, found, rest = raw.partition("://")
    if not found or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError("it starts with postgresql://")
    return f"postgresql+psycopg://{rest}"


def _redis_url(raw: str) -> str:
    if not raw.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("it starts with redis://, rediss:// or unix://")
    return raw


def _secret(raw: str) -> str:
    if len(raw) < 32:
        raise ValueError("it has at least 32 characters")
    return raw


def _proxies(raw: str) -> int:
    if not raw.isdecimal() or int(raw) > 5:
        raise ValueError("it is a number from 0 to 5")
    return int(raw)


_PARSERS = {
    "database_url": _database_url,
    "redis_url": _redis_url,
    "secret_key": _secret,
    "state": lambda raw: Path(raw).absolute(),
    "lessons": lambda raw: Path(raw).absolute(),
    "trusted_hosts": lambda raw: tuple(filter(None, (part.strip() for part in raw.split(",")))),
    "trusted_proxies": _proxies,
}
