"""Deploying Baton's own flows: the pool, and every deployment of the prefect.yaml that ships."""

import asyncio
import sys
from pathlib import Path

from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.client import POOL, api


def ensure_pool() -> None:
    """The work pool is there when this returns; one that is there already is left as it is. Raises EngineAway."""
    with api() as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            pool = WorkPoolCreate(
                name=POOL, type="process", base_job_template=template, description="Baton's verbs, as processes"
            )
            try:
                client.create_work_pool(pool)
            except ObjectAlreadyExists:  # somebody else was first
                return


async def deploy(prefect_file: Path) -> tuple[int, str]:
    """(exit code, what was said) of Prefect's own command, from a folder that holds nothing to import."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(prefect_file)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace")
