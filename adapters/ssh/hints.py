"""What to do about a host that stays below a rung of the readiness ladder."""

from typing import Final

from adapters.ssh.rungs import Rung
from lifecycle.inventory import Connection


def missing(rung: Rung, connection: Connection, *, proxied: bool) -> str:
    """The hint for the first rung that was not reached, in the words of this host's connection."""
    if rung is Rung.BANNER and proxied:
        return (
            f"is it running, and its security group: does it allow {connection.port} from inside the network? "
            "The way there is a proxy command, which comes from there"
        )
    if rung is Rung.LOGIN:
        key = f"'{connection.key}'" if connection.key else "one of your SSH agent's or ~/.ssh's"
        return (
            f"is '{connection.user}' the image's user (`connection.user`), and is the key, {key} (`connection.key`), "
            "the one of the key pair that the host was made with?"
        )
    return _HINTS[rung]


_HINTS: Final = {
    Rung.BANNER: "is it running, is its address right, and does a security group let us reach its SSH port?",
    Rung.KEY: "name its key in the `hosts` output, or list another source under `connection.trust` in the blueprint",
    Rung.USER_DATA: "look at /var/log/cloud-init-output.log there, or give it more time with `connection.ready_deadline`",
    Rung.PACKAGES: "something installs packages there on its own: let user data wait for it, or raise `connection.ready_deadline`",
    Rung.PYTHON: "Ansible needs Python there: install it in the image or in user data",
}
