"""Tokens as IAM authentication uses them, and what must be true of one: made with botocore's own
signer, verified here as the service documents it.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import importlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

SERVICE, ALGORITHM = "elasticache", "AWS4-HMAC-SHA256"
CACHE, REGION, ACCOUNT = "sandbox-cache", "us-east-1", "111122223333"
VALID_S = 900
"""A token may be used for 15 minutes after it was signed."""
CONNECTED_S = 12 * 3600
"""A connection that logged in with a token ends after 12 hours."""
CLOCKS_DIFFER_S = 300
CONNECT = "elasticache:Connect"


def _new_access_key() -> str:
    """A name of a key, which each token shows."""
    return "AKIA" + secrets.token_hex(8).upper()


@dataclass(frozen=True, slots=True)
class Keys:
    """The access key of an IAM identity."""

    access_key: str = field(default_factory=_new_access_key)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy: which actions on which resources it allows or denies. `*` stands for
    any text.
    """

    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)

    def matches(self, action: str, resource: str) -> bool:
        """True if this statement is about the action on the resource."""
        return any(fnmatchcase(action.lower(), one.lower()) for one in self.actions) and any(
            fnmatchcase(resource, one) for one in self.resources
        )


def allows(policy: Iterable[Statement], action: str, *resources: str) -> bool:
    """True if a policy allows an action on all resources: an Allow matches each, and no Deny
    matches any.
    """
    statements = list(policy)

    def allowed(resource: str) -> bool:
        effects = {one.effect for one in statements if one.matches(action, resource)}
        return effects == {"Allow"}

    return all(map(allowed, resources))


def arn(kind: Literal["replicationgroup", "user"], name: str) -> str:
    """The ARN of a cache or of a user."""
    return f"arn:aws:{SERVICE}:{REGION}:{ACCOUNT}:{kind}:{name}"


def make_token(keys: Keys, user: str, *, cache: str = CACHE, region: str = REGION) -> str:
    """A token for a user of a cache, signed now by botocore: a presigned URL without its scheme."""
    # Imported when the first token is made: it costs a quarter of a second, and other labs don't
    # need it.
    signers, model = (
        importlib.import_module("botocore.signers"),
        importlib.import_module("botocore.model"),
    )
    credentials = importlib.import_module("botocore.credentials")
    hooks = importlib.import_module("botocore.hooks")
    emitter = hooks.HierarchicalEmitter()
    signer = signers.RequestSigner(
        model.ServiceId("ElastiCache"),
        region,
        SERVICE,
        "v4",
        credentials.Credentials(keys.access_key, keys.secret),
        emitter,
    )
    url: str = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": f"http://{cache}/?{urlencode({'Action': 'connect', 'User': user})}",
            "body": {},
            "headers": {},
            "context": {},
        },
        operation_name="connect",
        expires_in=VALID_S,
        region_name=region,
    )
    return url.removeprefix("http://")


def parts_of(token: str) -> dict[str, str]:
    """What a token says, by the names of its parts; of its signature the first eight digits."""
    cache, _, query = token.partition("/?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    given["X-Amz-Signature"] = given.get("X-Amz-Signature", "")[:8] + "…"
    return {"cache": cache, **given}


def problem_of(token: str, user: str, keys: Keys, now: datetime.datetime) -> str:
    """Why a token does not log this user in to CACHE in REGION at this moment; empty if it does."""
    cache, separator, query = token.partition("/?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if not separator or given.get("Action") != "connect":
        return "it is no token"
    if cache != CACHE:
        return f"it is for the cache {cache[:40]}"
    if given.get("User") != user:
        return f"it is for the user {given.get('User', '')[:40]}"
    scope = given.get("X-Amz-Credential", "").split("/")
    if len(scope) != 5 or scope[0] != keys.access_key:
        return "its access key is not known"
    _, day, region, service, _ = scope
    if (region, service) != (REGION, SERVICE):
        return f"it was signed for {region[:20]}, and the cache is in {REGION}"
    expected = _signature(keys, cache, given, day)
    if not hmac.compare_digest(expected.encode(), given.get("X-Amz-Signature", "").encode()):
        return "its signature does not fit"
    try:
        signed = datetime.datetime.strptime(given["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        valid_s = min(VALID_S, int(given["X-Amz-Expires"]))
    except (KeyError, ValueError):
        return "it has no date"
    age_s = (now - signed).total_seconds()
    if age_s < -CLOCKS_DIFFER_S:
        return "its date has not come yet"
    if age_s > valid_s:
        return f"it expired {age_s - valid_s:,.0f} s ago"
    return ""


def _signature(keys: Keys, host: str, given: dict[str, str], day: str) -> str:
    """The signature that a presigned GET with these parameters must have."""
    signed = sorted((name, value) for name, value in given.items() if name != "X-Amz-Signature")
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in signed)
    empty = hashlib.sha256(b"").hexdigest()
    canonical = f"GET\n/\n{query}\nhost:{host}\n\nhost\n{empty}"
    scope = f"{day}/{REGION}/{SERVICE}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{given.get('X-Amz-Date', '')}\n{scope}\n{digest}"
    key = f"AWS4{keys.secret}".encode()
    for part in (day, REGION, SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
