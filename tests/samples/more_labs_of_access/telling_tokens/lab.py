"""The lab redis-auth with an action that tells its secrets: so a test knows what to look for."""

from dataclasses import replace

from labs.catalogue.redis_auth.lab import lab as redis_auth
from labs.setups.access.tokens import Tokens

lab = replace(redis_auth, id="telling-tokens")


@lab.action("Tell", gear="step")
def tell(sandbox):
    """Every token and every password."""
    engine = sandbox.servers["cache"].engine
    return " ".join((*sandbox.part(Tokens).made, engine.password, engine._secret))
