"""`baton hosts`: the inventory of an environment."""

from adapters import settings as settings_of
from baton import console
from baton.naming import environment_named, unknown
from baton.options import Env, Json
from baton.verbs.status import Which
from baton.views import inventory_table
from lifecycle.report.fields import host_fields


def hosts(environment: Which = "", *, env: Env = "dev", json: Json = False) -> int:
    """Show hosts: name, stack, groups, address, identity."""
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        refs = [environment_named(environment, env)] if environment else [e.ref for e in store.environments()]
        if environment and store.environment(refs[0]) is None:
            raise unknown(refs[0])
        found = [(ref, host) for ref in refs for host in store.hosts(ref)]
    if json:
        for ref, host in found:
            console.emit("host", environment=str(ref), **host_fields(host))
        return 0
    console.out.print(inventory_table(found) if found else "no hosts")
    return 0
