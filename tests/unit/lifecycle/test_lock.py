"""The lock's words: who has it, since when, and what to do."""

from datetime import UTC, datetime

from lifecycle.environment import EnvironmentRef
from lifecycle.errors import ExitCode
from lifecycle.lock import HEARTBEAT, LEASE, Lock, Owner, locked, lost

T0 = datetime(2026, 11, 23, 1, 39, tzinfo=UTC)
ANNA = Owner("anna", "laptop:8a7b:4026531836", "boot-1", 100, 5000, "shop-up-7")
BERT = Owner("bert", "server", "boot-2", 200, 6000)
SHOP = EnvironmentRef("shop", "dev")


def a_lock(owner: Owner, token: int) -> Lock:
    return Lock(SHOP, owner, token, T0, T0 + LEASE)


def test_an_owner_is_named_by_user_host_process_and_flow_run() -> None:
    assert str(ANNA) == "anna on laptop (process 100, flow run shop-up-7)"
    assert str(BERT) == "bert on server (process 200)"


def test_a_refusal_says_who_since_when_and_what_to_do() -> None:
    error = locked(a_lock(ANNA, 3))
    assert error.message == (
        "shop/dev is locked by anna on laptop (process 100, flow run shop-up-7) since 2026-11-23 01:39:00 UTC"
    )
    assert "baton status" in error.hint
    assert error.exit_code is ExitCode.LOCKED
    assert error.facts["pid"] == 100


def test_a_loss_says_who_took_over_or_that_nobody_did() -> None:
    assert lost(a_lock(ANNA, 3), a_lock(BERT, 4)).message == (
        "the lock on shop/dev was lost: bert on server (process 200) took over at 2026-11-23 01:39:00 UTC"
    )
    assert lost(a_lock(ANNA, 3), None).message == "the lock on shop/dev was lost: it was released"
    assert lost(a_lock(ANNA, 3), None).exit_code is ExitCode.LOCKED


def test_two_heartbeats_may_be_missed_before_a_lease_runs_out() -> None:
    assert 3 * HEARTBEAT < LEASE
