"""Who may act on a sandbox, and who may watch it: two permissions, asked in one place.

A view whose address names a sandbox declares the permission that it needs (`needs`); an app with
one that does not is refused (`check`). Knows no feature.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, TypeVar

from flask import Flask, abort, current_app

from labs.client import SandboxInfo, no_such_sandbox
from portal.web.learner import current_learner
from portal.web.services import client

KEY = "cacheground.access"
Permission = Literal["act", "watch"]
Rule = Callable[[str, SandboxInfo, Permission], bool]
View = TypeVar("View", bound=Callable[..., Any])


class Undeclared(Exception):
    """A view whose address names a sandbox does not say which permission it needs."""


def owners_only(learner: str, sandbox: SandboxInfo, permission: Permission) -> bool:
    """The rule of today: an owner has both permissions, everyone else has neither."""
    return learner == sandbox.owner


def install(app: Flask, rule: Rule = owners_only) -> None:
    """Have the app decide by this rule."""
    app.extensions[KEY] = rule


def may(learner: str | None, sandbox: SandboxInfo, permission: Permission) -> bool:
    """True if the learner has this permission by the app's rule; who is no learner has none."""
    rule: Rule = current_app.extensions[KEY]
    return learner is not None and rule(learner, sandbox, permission)


def needs(permission: Permission) -> Callable[[View], View]:
    """Call a view with the sandbox, as SandboxInfo, if the learner who asks has this permission;
    everyone else gets 404, as for a sandbox that does not exist.
    """

    def declare(view: View) -> View:
        @wraps(view)
        def allowed(sandbox: str, **place: str) -> Any:
            return view(permitted(sandbox, permission), **place)

        allowed.permission = permission  # type: ignore[attr-defined]  # read by `permission_of`
        return allowed  # type: ignore[return-value]  # Flask calls it with the address' names

    return declare


def permitted(sandbox: str, permission: Permission) -> SandboxInfo:
    """What is known of the sandbox; UnknownSandbox if the learner who asks lacks the permission."""
    learner = current_learner()
    if learner is None:
        abort(404)
    info = client().info(sandbox)
    if not may(learner, info, permission):
        raise no_such_sandbox()
    return info


def permission_of(view: Callable[..., Any]) -> Permission | None:
    """The permission that a view needs; None if it declares none."""
    found: Permission | None = getattr(view, "permission", None)
    return found


def check(app: Flask) -> None:
    """Raise Undeclared for a view whose address names a sandbox and that declares no permission."""
    for rule in app.url_map.iter_rules():
        if "sandbox" in rule.arguments and permission_of(app.view_functions[rule.endpoint]) is None:
            raise Undeclared(f"{rule.rule} needs @needs('act') or @needs('watch')")
