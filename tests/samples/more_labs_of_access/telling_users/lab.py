"""The lab rbac with an action that tells its secrets: so a test knows what to look for."""

from dataclasses import replace

from labs.catalogue.rbac.lab import lab as rbac
from labs.setups.access.users import Users

lab = replace(rbac, id="telling-users")


@lab.action("Tell", gear="step")
def tell(sandbox):
    """Every password."""
    engine = sandbox.servers["cache"].engine
    return " ".join((*sandbox.part(Users)._passwords.values(), engine.password, engine._secret))
