"""IAM: what a policy decides, and a login with a signed token."""

from __future__ import annotations

from labs.catalogue.iam import checks, guide, mutants
from labs.catalogue.iam.checks import API, DELETE, GET, SET, ApiCall
from labs.lab import Choice, Lab, Node, Topology
from labs.sandbox.experiment import make_ready, observed, refuted, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import bench, iam_logins, iam_users
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.iam import allows
from labs.setups.access.iam_logins import KINDS
from labs.setups.access.iam_users import IamUsers

LONG_S = 12 * 3600 + 60
KIND = Choice("kind", "Token", tuple(KINDS.items()), "own")
COMMAND = Choice("command", "Command", tuple((one, one) for one in (GET, SET, DELETE)), GET)

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
    controls=(iam_users.POLICY,),
    gears=("step", "break"),
    tables=(iam_logins.TABLE, iam_users.POLICY_TABLE, iam_users.TOKEN_TABLE),
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
def log_in(sandbox: Sandbox, kind: iam_logins.Kind) -> str:
    login = iam_logins.log_in(sandbox, kind)
    sandbox.measurements["token_characters"] = float(login.characters)
    if login.is_accepted:
        return sandbox.caption("The application is logged in.", f"The token: {KINDS[kind]}.")
    return sandbox.caption(f"Refused: {login.answer}", f"The gate’s reason: {login.reason}.")


@lab.action(
    "Send the command",
    gear="step",
    fields=(COMMAND,),
    here="Redis answers over the connection that the application holds, and asks no policy.",
    aws="the same: the access string says what a user may do.",
)
def send(sandbox: Sandbox, command: str) -> str:
    return sandbox.caption(f"{command}: {iam_logins.ask(sandbox, command).answer}.")


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
    sandbox.part(IamUsers).advance(LONG_S)
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
