"""IAM: what a policy decides, and a login with a signed token."""

from __future__ import annotations

from labs.catalogue.iam import checks, guide, mutants
from labs.catalogue.iam.checks import API, DELETE, GET, KINDS, SET, ApiCall, Asked, Login
from labs.lab import Choice, Column, Lab, Node, Table, Topology
from labs.sandbox.experiment import make_ready, observed, refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import bench, iam, iam_users
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.iam import allows, make_token
from labs.setups.access.iam_users import IamUsers

USER, OTHER_USER, OTHER_REGION = "iam-user-01", "iam-user-02", "eu-west-1"
LATE_S, LONG_S = 16 * 60, 12 * 3600 + 60
MOST_ROWS = 12
KIND = Choice("kind", "Token", tuple(KINDS.items()), "own")
COMMAND = Choice("command", "Command", tuple((one, one) for one in (GET, SET, DELETE)), GET)
POLICY = Choice(
    "policy",
    "Policy",
    (
        ("nothing", "nothing"),
        ("api", "the API, not Connect"),
        ("connect", "Connect to this cache"),
    ),
    "nothing",
    gear="view",
    help="Of the identity that the application has.",
)
LOGINS = Table(
    "logins",
    "Who has logged in",
    (
        Column("token", "Token"),
        Column("policy", "Policy allows"),
        Column("answer", "The client was answered"),
        Column("reason", "Because"),
    ),
    empty="No login has been tried yet.",
    shown=False,
)

lab = Lab(
    id="iam",
    title="IAM",
    question="What does an IAM policy decide, and what not?",
    about="Redis behind a gate that accepts signed tokens. Change the policy, log in with tokens "
    "that are right, late, foreign and forged, and advance the clock.",
    minutes=20,
    view="Policy, and who has logged in",
    topology=Topology(
        nodes=(
            Node(APP, "Application", "app", about="signs tokens"),
            Node(SERVER, "Redis", "redis", about="behind a gate with TLS"),
        ),
        links=(bench.LINK,),
    ),
    parts=(IamUsers,),
    controls=(POLICY,),
    gears=("step", "break"),
    tables=(LOGINS, iam_users.POLICY, iam_users.TOKEN),
    checks=(
        checks.api,
        checks.logs_in,
        checks.data_plane,
        checks.rights,
        checks.expired,
        checks.other_region,
        checks.other_user,
        checks.tampered,
        checks.twelve_hours,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action(
    "Log in with the token",
    gear="step",
    fields=(KIND,),
    primary=True,
    here="the token is signed by AWS’s own library, botocore. A gate in front of Redis judges it; "
    "the account, the cache’s name and the keys are made up.",
    aws="Redis OSS 7.0 or newer, Valkey 7.2 or newer, with TLS. The guide names no error for a "
    "token that is refused.",
)
def log_in(sandbox: Sandbox, kind: str) -> str:
    part = sandbox.part(IamUsers)
    region = OTHER_REGION if kind == "region" else iam.REGION
    token = make_token(part.keys, USER, region=region)
    if kind == "tampered":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")
    late_s = LATE_S if kind == "late" else 0
    part.clock.advance(late_s)
    part.show(token)
    sandbox.measurements["token_characters"] = float(len(token))
    answer, reason = part.log_in(OTHER_USER if kind == "user" else USER, token)
    part.clock.advance(-late_s)
    policy = str(sandbox.settings["policy"])
    observed(sandbox, Login(kind, policy, answer, reason))
    _tabulate(sandbox)
    if answer == "OK":
        return sandbox.caption("The application is logged in.", f"The token: {KINDS[kind]}.")
    return sandbox.caption(f"Refused: {answer}", f"The gate’s reason: {reason}.")


@lab.action(
    "Send the command",
    gear="step",
    fields=(COMMAND,),
    here="Redis answers over the connection that the application holds, and asks no policy.",
    aws="the same: the access string says what a user may do.",
)
def send(sandbox: Sandbox, command: str) -> str:
    part = sandbox.part(IamUsers)
    answer = part.ask(*command.split())
    observed(sandbox, Asked(str(sandbox.settings["policy"]), command, answer, part.hours))
    return sandbox.caption(f"{command}: {answer}.")


@lab.action(
    "Create a replication group",
    gear="step",
    here="nothing is made: the policy is evaluated as IAM would.",
    aws="CreateReplicationGroup; without a policy for it AccessDenied.",
)
def create(sandbox: Sandbox) -> str:
    allowed = allows(sandbox.part(IamUsers).policy, API, "*")
    answer = "status creating." if allowed else f"AccessDenied, not authorized to perform {API}."
    observed(sandbox, ApiCall(str(sandbox.settings["policy"]), allowed, answer))
    return sandbox.caption(f"The API answered: {answer}")


@lab.action(
    "Advance the clock by 12 hours",
    gear="break",
    here="the gate’s clock alone, by 12 hours and a minute.",
    aws="the connection is ended after 12 hours, unless the client sends AUTH with a new token.",
)
def advance(sandbox: Sandbox) -> str:
    sandbox.part(IamUsers).clock.advance(LONG_S)
    sandbox.part(IamUsers).hours += LONG_S / 3600
    return sandbox.caption("The gate’s clock is 12 hours ahead.", "Connections have grown old.")


@lab.prediction(
    "A client has logged in with a token. Then its policy is taken away. How many of its next ten "
    "GETs are answered?",
    unit="GETs",
    unit_of_one="GET",
    why="All ten: IAM is asked at the login, and Redis has no policies.",
)
def answered_without_policy(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    with temporarily(sandbox, policy="connect"):
        log_in(sandbox, "own")
        sandbox.set("policy", "nothing")
        part = sandbox.part(IamUsers)
        return float(sum(part.ask("GET", "app:1") == "page" for _ in range(10)))


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """The API with and without a policy; logins of every kind; an old connection."""
    create(sandbox)
    with temporarily(sandbox, policy="api"):
        create(sandbox)
        log_in(sandbox, "own")
    with temporarily(sandbox, policy="connect"):
        log_in(sandbox, "own")
        sandbox.set("policy", "nothing")
        for command in (GET, SET, DELETE):
            send(sandbox, command)
        sandbox.set("policy", "connect")
        for kind in ("late", "region", "user", "tampered"):
            if refuted(sandbox):
                return
            log_in(sandbox, kind)
        log_in(sandbox, "own")
        advance(sandbox)
        send(sandbox, GET)


def _tabulate(sandbox: Sandbox) -> None:
    labels = dict(POLICY.options)
    sandbox.tabulate(
        LOGINS.name,
        [
            {
                "token": KINDS[one.kind],
                "policy": labels[one.policy],
                "answer": one.answer,
                "reason": one.reason or "nothing is wrong with it",
            }
            for one in reversed(sandbox.ledger.seen(Login)[-MOST_ROWS:])
        ],
    )
