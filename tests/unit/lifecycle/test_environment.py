"""Environments: their names, and the only way from phase to phase."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from lifecycle.environment import EDGES, Environment, EnvironmentRef, ForbiddenTransition, Phase, transition
from lifecycle.errors import BatonError

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = EnvironmentRef("shop", "dev")


def an_environment(phase: Phase = Phase.NEW) -> Environment:
    return Environment(SHOP, phase, T0, T0, run=3)


@pytest.mark.parametrize("text", ["shop/dev", "a/b", "Shop-1/x_y.z"])
def test_a_name_is_read_and_written_the_same(text: str) -> None:
    assert str(EnvironmentRef.parse(text)) == text


@pytest.mark.parametrize("text", ["", "shop", "/", "shop/", "/dev", "shop/dev/eu", "shop//dev"])
def test_what_is_not_a_name_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(BatonError) as refused:
        EnvironmentRef.parse(text)
    assert f"'{text}'" in refused.value.message
    assert "<blueprint>/<name>" in refused.value.hint


@pytest.mark.parametrize(("start", "end"), list(product(Phase, Phase)))
def test_a_phase_changes_along_an_edge_and_in_no_other_way(start: Phase, end: Phase) -> None:
    environment = an_environment(start)
    if end not in EDGES[start]:
        with pytest.raises(ForbiddenTransition, match=f"is {start.label} and cannot become {end.label}"):
            transition(environment, end, at=T0)
        return
    changed, draft = transition(environment, end, at=T0 + timedelta(1), message="why")
    assert (changed.phase, changed.updated_at, changed.message) == (end, T0 + timedelta(1), "why")
    assert (changed.ref, changed.created_at, changed.run) == (SHOP, T0, 3)
    assert environment.phase is start
    assert (draft.type, draft.subject, draft.at) == ("baton.environment.phase", "shop/dev", T0 + timedelta(1))
    assert draft.data == {"from": start.value, "to": end.value, "message": "why", "run": 3}


def test_every_phase_has_edges_and_a_label() -> None:
    assert set(EDGES) == set(Phase)
    for phase in Phase:
        assert EDGES[phase]
        assert "_" not in phase.label


def test_standing_still_is_no_transition() -> None:
    assert all(phase not in EDGES[phase] for phase in Phase)


def test_from_everywhere_there_is_a_way_down_and_a_way_up() -> None:
    for goal in (Phase.DESTROYED, Phase.READY):
        for phase in Phase:
            assert goal in _reachable(phase), f"{phase} → {goal}"


def test_an_environment_is_destroyed_only_after_a_teardown() -> None:
    assert {phase for phase in Phase if Phase.DESTROYED in EDGES[phase]} == {Phase.TEARING_DOWN}


def test_more_can_be_said_with_a_transition() -> None:
    _, draft = transition(an_environment(), Phase.PLANNING, at=T0, data={"goal": "up"})
    assert draft.data["goal"] == "up"
    assert draft.data["to"] == "planning"


def _reachable(start: Phase) -> set[Phase]:
    seen: set[Phase] = set()
    todo = [start]
    while todo:
        for phase in EDGES[todo.pop()] - seen:
            seen.add(phase)
            todo.append(phase)
    return seen
