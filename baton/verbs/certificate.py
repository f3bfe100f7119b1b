"""`baton certificate`: the proof that a teardown left nothing, compared with the ledger."""

from typing import Annotated

from cyclopts import Parameter

from adapters import certificates
from adapters import settings as settings_of
from baton import console
from baton.naming import known_environment
from baton.options import Env, Json, Target
from lifecycle.certificate import certified_runs, checked
from lifecycle.errors import BatonError
from lifecycle.report.fields import certificate_fields
from lifecycle.report.words import certificate_text

Number = Annotated[
    int, Parameter(help="Number of the run that took it down. Default: the last one with a certificate.")
]


class NoCertificate(BatonError):
    """There is no certificate of an environment."""


def certificate(environment: Target, run: Number = 0, *, env: Env = "dev", json: Json = False) -> int:
    """Show the certificate of a teardown, if it is the very one that the ledger tells of."""
    from adapters.registry import open_store

    settings = settings_of.load()
    with open_store(settings) as store:
        ref = known_environment(store, environment, env)
        entries, key = list(store.ledger(ref)), store.ledger_key
        run = run or max(certified_runs(entries), default=0)
        kept = store.certificate(ref, run)
    path = certificates.path_of(settings.home, ref, run)
    if not run:
        raise NoCertificate(f"{ref} was never proven to be gone", hint=f"take it down with: baton down {ref}")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:  # another machine issued it
        if kept is None:
            hint = "an older Baton kept it on the machine that took the environment down alone; the digest is in its ledger"
            raise NoCertificate(f"there is no certificate of run {run} of {ref} at {path}", hint=hint) from None
        text = kept
    found = checked(text, ref, run, entries, key=key)
    if json:
        console.emit("certificate", **certificate_fields(found))
        return 0
    for line in certificate_text(found):
        console.out.print(line, markup=False)
    return 0
