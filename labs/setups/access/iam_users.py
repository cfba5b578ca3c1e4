"""A server whose users log in with IAM tokens, and the policy of the identity that signs them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

from labs.clients.access import Access
from labs.clients.address import straight
from labs.clients.resp import RespClient
from labs.clients.tls import Tls
from labs.errors import NotNow
from labs.lab import Choice, Column, Table
from labs.sandbox.context import Context
from labs.sandbox.part import Part
from labs.setups.access import iam
from labs.setups.access.bench import APP, LINK, SERVER
from labs.setups.access.calls import redis_of, text_of
from labs.setups.access.certificates import Authority
from labs.setups.access.iam import CONNECT, Keys, Statement, allows, arn
from labs.setups.access.token_gate import GateClock, TokenGate

USERS = {"iam-user-01": "~app:* -@all +get +set", "iam-user-02": "~report:* -@all +get"}
"""Access strings: what each user may do once it is let in."""
POLICIES: dict[str, tuple[Statement, ...]] = {
    "nothing": (),
    "api": (Statement("Allow", ("elasticache:*",)), Statement("Deny", (CONNECT,))),
    "connect": (
        Statement(
            "Allow",
            (CONNECT,),
            (arn("replicationgroup", iam.CACHE), arn("user", "iam-user-01")),
        ),
    ),
}
"""Policies of the application's identity, by the setting `policy`."""
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

POLICY_TABLE = Table(
    "policy",
    "The policy of the application’s identity",
    (
        Column("effect", "Effect"),
        Column("action", "Action"),
        Column("resource", "Resource", mono=True),
    ),
    empty="It has no statement, so nothing is allowed.",
)
TOKEN_TABLE = Table(
    "token",
    "The last token",
    (Column("part", "Part"), Column("value", "Value", mono=True)),
    empty="No token has been signed yet.",
)


class IamUsers(Part):
    """The gate in front of the server, its clock, the keys of the application's identity, and the
    connection that the application holds.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._passwords = {user: secrets.token_urlsafe(24) for user in USERS}
        self._gate: TokenGate | None = None
        self._trusted: Tls | None = None
        self._held: RespClient | None = None
        self._using = threading.RLock()
        """Of one login or command at a time: the connection is for one thread."""
        self._reason = ""
        self.keys = Keys()
        self.judged_by: Callable[[str, str], str] = self.judge
        """What the gate asks about a token."""
        self.hours = 0.0
        """What the clock was advanced by since the login."""
        self.clock = GateClock()

    def opened(self) -> None:
        """Make the users, and put the gate into the application's link."""
        if not self.context.is_real:
            return
        context, server = self.context, self.context.servers[SERVER].engine.address
        folder = context.directory / "gate"
        folder.mkdir(mode=0o700, exist_ok=True)
        hosts = {server.host, context.addresses.host(APP)}
        identity = Authority(folder).sign("gate", sorted(hosts))
        self._trusted = identity.trusted
        self._gate = TokenGate(
            server.host,
            identity,
            server,
            judge=self._judge,
            password_of=self._passwords.__getitem__,
            clock=self.clock,
        )
        self._apply()

    def setting_changed(self, name: str) -> None:
        """Show the policy that is in force."""
        self._show_policy()

    def server_changed(self, server: str, verb: str) -> None:
        """A server that has started knows no user of ours."""
        if verb in ("restart", "exchange"):
            self._apply()

    def clear(self) -> None:
        """Show the machine's time again, and give the connection back."""
        self.clock.reset()
        self.let_go()
        self._show_policy()
        self.context.tabulate(TOKEN_TABLE.name, [])

    def restarted(self) -> None:
        """Make the users again."""
        self._apply()

    def judge(self, user: str, token: str) -> str:
        """Why a token does not let a user in; empty if it does."""
        if user not in USERS:
            return f"there is no user {user[:40]}"
        if problem := iam.problem_of(token, user, self.keys, self.clock.now()):
            return problem
        resources = arn("replicationgroup", iam.CACHE), arn("user", user)
        if not allows(self.policy, CONNECT, *resources):
            return f"the policy does not allow {CONNECT}"
        return ""

    @property
    def policy(self) -> tuple[Statement, ...]:
        """The policy of the application's identity now."""
        return POLICIES[str(self.context.settings["policy"])]

    def log_in(self, user: str, token: str, *, late_s: float = 0.0) -> tuple[str, str]:
        """Log in with a token, by a clock that is ahead by `late_s`, and hold the connection: the
        server's answer, and the gate's own reason if it is a refusal. The clock shows the machine's
        time afterwards. Raises NotNow unless the server is up, and where nothing real runs.
        """
        redis_of(self.context)
        assert self._gate is not None
        way = straight(self.context.addresses.of_link(LINK.name))
        client = RespClient(way, Access(user, token, self._trusted), timeout_s=3.0)
        with self._using, self.clock.ahead(late_s):
            self.let_go()
            self._reason = ""
            try:
                client.connect()
            except OSError as exc:
                return exc.strerror or str(exc), self._reason
            self._held, self.hours = client, 0.0
            return "OK", ""

    def advance(self, seconds: float) -> None:
        """Let the gate's clock go forward: the connection that is held grows old."""
        self.clock.advance(seconds)
        self.hours += seconds / 3600

    def ask(self, *words: str) -> str:
        """The answer on the connection that is held; its end, if it has ended. Raises NotNow if
        none is held.
        """
        with self._using:
            if self._held is None:
                raise NotNow(
                    "The application is not logged in.", hint="Press “Log in with the token” first."
                )
            try:
                if self._held.ended():
                    raise ConnectionResetError
                return text_of(self._held.command(*words))
            except ConnectionError:
                ended = "end of the stream"
            except OSError as exc:
                ended = exc.strerror or str(exc)
            self.let_go()
            return f"closed ({ended})"

    def let_go(self) -> None:
        """Give the application's connection back."""
        with self._using:
            held, self._held = self._held, None
            if held is not None:
                held.close()

    def close(self) -> None:
        """End the gate and the connection."""
        self.let_go()
        if self._gate is not None:
            self._gate.close()

    def show(self, token: str) -> None:
        """Show what a token consists of; of its signature, by which it could be used, the
        beginning.
        """
        parts = iam.parts_of(token).items()
        self.context.tabulate(
            TOKEN_TABLE.name, [{"part": part, "value": value} for part, value in parts]
        )

    def _judge(self, user: str, token: str) -> str:
        self._reason = self.judged_by(user, token)
        return self._reason

    def _show_policy(self) -> None:
        rows = [
            {"effect": one.effect, "action": action, "resource": resource}
            for one in self.policy
            for action in one.actions
            for resource in one.resources
        ]
        self.context.tabulate(POLICY_TABLE.name, rows)

    def _apply(self) -> None:
        if self._gate is None:
            return
        engine = redis_of(self.context)
        for user, string in USERS.items():
            own = f">{self._passwords[user]}"
            engine.run("ACL", "SETUSER", user, "reset", "on", own, *string.split())
        engine.run("SET", "app:1", "page")
        entrance = self.context.addresses.of_link(LINK.name)
        self.context.network.add_link(LINK.name, entrance, self._gate.address)
