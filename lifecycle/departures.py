"""Who leaves, and who must be told before: a host is taken out of its load balancer first, and destroyed then."""

from dataclasses import dataclass

from lifecycle.desired import ConfigureTarget
from lifecycle.digest import digest
from lifecycle.inventory import Host


@dataclass(frozen=True, slots=True)
class Departure:
    """Hosts of one stack that its plan destroys or replaces, and the configure step whose hosts are told before."""

    target: ConfigureTarget
    stack: str
    leaving: tuple[Host, ...]  # by name; never empty

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(h.id for h in self.leaving)

    @property
    def digest(self) -> str:
        return digest([self.target.name, self.stack, sorted(self.ids)])

    @property
    def required(self) -> bool:
        """Whether nothing is destroyed where telling did not work."""
        return self.target.drain is None or self.target.drain.required
