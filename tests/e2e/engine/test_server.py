"""The resident server under many writers at once: they wait for one another, and none is turned away."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.engine.conftest import Engine

WRITERS, ROUNDS = 16, 6


def test_many_who_write_at_the_same_time_are_all_served(server: Engine) -> None:
    """As twenty runs and a worker do it. Prefect's own server answers some of them 503, and again when they ask again."""
    given, later = (
        {"blueprint": "none"},
        {"type": "SCHEDULED", "state_details": {"scheduled_time": "2999-01-01T00:00:00Z"}},
    )
    deployment = server.api("GET", "/deployments/name/plan/baton")["id"]

    def write(number: int) -> None:
        for _ in range(ROUNDS):
            run = server.api("POST", f"/deployments/{deployment}/create_flow_run", parameters=given, state=later)["id"]
            server.api("PATCH", f"/flow_runs/{run}/labels", writer=number)
            server.api("DELETE", f"/flow_runs/{run}")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
