"""What a run shows of itself: how far it is, the environment as a picture, and where to find what was built."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.fake.driving import ports_for, shop, world_of_shop
from lifecycle.environment import Environment, Phase
from lifecycle.events import Event
from lifecycle.lock import LEASE, Owner
from lifecycle.observed import Settled
from lifecycle.perform import Ended, perform
from lifecycle.plan import Output
from lifecycle.ports import Cancellation
from lifecycle.report.pages import Progress
from lifecycle.report.picture import lifecycle_graph
from lifecycle.report.tables import checks_rows, hosts_rows, links

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def up(heard: list[Event]) -> Ended:
    ports = replace(ports_for(world_of_shop()), sink=heard.append, discovery_period=0.001)
    lock = ports.store.acquire(shop().ref, Owner("ada", "laptop:1", "boot", 42, 1), lease=LEASE)
    environment = Environment(shop().ref, Phase.NEW, NOW, NOW)
    return perform(shop(), ports, lambda _, act: act(), lock=lock, environment=environment, cancel=Cancellation())


def test_progress_only_grows_and_ends_at_a_hundred_with_nothing_running() -> None:
    heard: list[Event] = []
    ended = up(heard)
    progress, seen = Progress(), list[float]()
    for event in heard:
        progress.hear(event)
        seen.append(progress.percent)
    assert seen == sorted(seen)
    assert 85 <= seen[-1] < 100
    progress.end(ended.environment, ended.complete)
    assert progress.percent == 100
    assert progress.text.startswith("**ready**: ")
    assert "\n- " not in progress.text


def said(type: str, step: str = "", message: str = "", **data: Any) -> Event:
    return Event(NOW, type, message, step, data=data)


def test_progress_names_what_runs_now_and_counts_the_rest() -> None:
    progress = Progress()
    for number in range(8):
        assert progress.hear(said("step.started", f"await:{number}", f"await web-{number}"))
    assert progress.hear(said("step.finished", "await:0", status="failed"))
    assert not progress.hear(said("task.changed"))
    lines = progress.text.splitlines()
    assert lines[0] == "**planning**: 1 step ended, 1 failed"
    assert lines[1:] == [*(f"- await web-{n}" for n in range(1, 7)), "- and 1 more"]


def test_the_picture_leads_from_stacks_over_configure_steps_to_checks() -> None:
    desired = shop()
    lines = list(lifecycle_graph(desired))
    assert lines[0] == "graph LR"
    names = {line.split("[")[0].split("(")[0].split("{")[0].strip(): line for line in lines if '"' in line}
    arrows = [tuple(line.split(" --> ")) for line in lines if "-->" in line]
    assert all(a.strip() in names and b in names for a, b in arrows)
    assert '  s0["data"]' in lines
    app = next(at for at, line in names.items() if '"configure app"' in line)
    assert any(b == app for _, b in arrows)
    assert len(names) == len(desired.stacks) + len(desired.configure) + len(desired.checks)


def test_tables_have_a_row_per_host_and_per_check() -> None:
    ended = up([])
    assert [row["host"] for row in hosts_rows(ended)] == ["db-1", "lb-1", "web-1", "web-2"]
    rows = checks_rows(ended)
    assert {row["check"] for row in rows} == set(ended.view.desired.checks)
    assert {row["result"] for row in rows} == {"passed"}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"a": Output("https://a.example"), "url": Output("https://u.example")}, ["front.url", "front.a"]),
        ({"token_url": Output("https://t.example?secret", sensitive=True)}, []),
        ({"address": Output("192.0.2.1"), "list": Output(["https://no.example"])}, []),
    ],
)
def test_links_are_outputs_that_are_addresses_and_never_sensitive_ones(
    outputs: dict[str, Output], expected: list[str]
) -> None:
    view = up([]).view
    settled = {"front": Settled(outputs)}
    plain = replace(view.desired, checks={})
    seen = replace(view, desired=plain, observed=replace(view.observed, settled=settled))
    assert list(links(seen)) == expected
