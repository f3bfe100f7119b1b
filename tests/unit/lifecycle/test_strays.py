"""Which of a plan's resources something is that an interrupted apply made."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.journal import Journal
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.ports import STACK_TAG, CloudResource, Removal, Run, StackSpec
from lifecycle.resuming import StraysUndecided, reconciled, taken_over
from lifecycle.strays import decide, find

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RULES = "aws_vpc_security_group_{}_rule"


def rule(direction: str, name: str) -> ResourceChange:
    kind = RULES.format(direction)
    tags = {STACK_TAG: "main", "Name": name}
    return ResourceChange(address=f"{kind}.{name}", type=kind, action=Action.CREATE, tags=tags)


def test_a_rule_of_a_firewall_is_told_by_its_tags_whatever_its_direction() -> None:
    """Made a second time it would be refused as a duplicate, by every run from then on."""
    plan = Plan("main", "digest", changes=(rule("ingress", "ssh"), rule("egress", "all")))
    made = CloudResource("sgr-1", "security-group-rule", {STACK_TAG: "main", "Name": "all"})
    decision = decide(plan, find(plan, "main", [made]), NOW)
    assert [(a.address, a.resource.id) for a in decision.adopted] == [(f"{RULES.format('egress')}.all", "sgr-1")]
    assert decision.undecided == ()


def pair(at: datetime | None, *, known_as: str = "main-2") -> CloudResource:
    return CloudResource("key-2", "key-pair", {STACK_TAG: "main"}, known_as, at)


def pairs(*, known: str = "") -> Plan:
    """Makes a key pair, and has one that is called `known`."""
    wanted = ResourceChange(
        address="aws_key_pair.b", type="aws_key_pair", action=Action.CREATE, tags={STACK_TAG: "main"}
    )
    had = ResourceChange(address="aws_key_pair.a", type="aws_key_pair", action=Action.NOOP, physical_id=known)
    return Plan("main", "digest", changes=(wanted, had))


@pytest.mark.parametrize("at", [NOW, NOW + timedelta(hours=1), NOW - timedelta(seconds=30)])
def test_a_key_pair_cannot_be_taken_over_and_goes(at: datetime) -> None:
    decision = decide(pairs(), find(pairs(), "main", [pair(at)]), NOW)
    assert [r.id for r in decision.spare] == ["key-2"]
    assert (decision.adopted, decision.undecided) == ((), ())


@pytest.mark.parametrize("at", [None, NOW - timedelta(minutes=5)])
def test_one_that_was_there_before_the_apply_is_for_a_person_to_decide(at: datetime | None) -> None:
    decision = decide(pairs(), find(pairs(), "main", [pair(at)]), NOW)
    assert (decision.spare, [u.candidates for u in decision.undecided]) == ((), [("aws_key_pair.b",)])


def test_a_key_pair_that_the_state_knows_by_its_name_is_no_stray() -> None:
    assert find(pairs(known="main-2"), "main", [pair(NOW)]) == ()
    assert find(pairs(known="another"), "main", [pair(NOW)]) == (pair(NOW),)


@pytest.mark.parametrize("left", [{}, {"key-2": "throttled"}])
def test_what_is_spare_goes_before_anything_is_made(left: dict[str, str]) -> None:
    asked: list[str] = []

    def remove(resources: Any, _: Run) -> Removal:
        asked.extend(r.id for r in resources)
        return Removal((), left)

    ports: Any = SimpleNamespace(cloud=SimpleNamespace(tagged=lambda _: [pair(NOW)], remove=remove))
    spec = StackSpec(EnvironmentRef("shop", "dev"), "main", Path())
    if left:
        with pytest.raises(StraysUndecided, match=r"key-2 was made by an interrupted apply .* does not go: throttled"):
            taken_over(pairs(), spec, ports, Run(), NOW)
    else:
        assert not taken_over(pairs(), spec, ports, Run(), NOW), "the plan still holds: it makes a new one"
    assert asked == ["key-2"]


def test_who_cannot_be_taken_over_is_named_with_the_way_out() -> None:
    """Terraform refuses to import into some modules (a `for_each` over resources that do not exist yet), in every run again."""
    made = CloudResource("sgr-1", "security-group-rule", {STACK_TAG: "main", "Name": "all"})

    def refuse(*_: Any) -> None:
        raise BatonError("Invalid for_each argument")

    ports: Any = SimpleNamespace(
        cloud=SimpleNamespace(tagged=lambda _: [made], finish=lambda _: None),
        provisioner=SimpleNamespace(adopt=refuse),
        clock=SimpleNamespace(now=lambda: NOW),
    )
    spec = StackSpec(EnvironmentRef("shop", "dev"), "main", Path())
    nobody: Any = SimpleNamespace(journal=Journal(), observed=None)  # it does not come to look at anybody
    with pytest.raises(StraysUndecided, match="could not be taken over: Invalid for_each argument") as caught:
        reconciled(Plan("main", "digest", changes=(rule("egress", "all"),)), spec, nobody, ports, Run())
    assert "baton stray shop/dev sgr-1 --remove" in caught.value.hint
