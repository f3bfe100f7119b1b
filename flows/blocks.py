"""Reads the engine's Secret blocks, for references that name one."""

from typing import Any

import httpx
from prefect.blocks.system import Secret
from prefect.exceptions import PrefectHTTPStatusError

from adapters.secrets.errors import SecretAway, SecretMissing, SecretRefused


def secret_block(name: str) -> Any:
    """The value of a Secret block as it was stored: `get` would make a number of the password 123. None: there is none."""
    try:
        block = Secret.load(name)
    except ValueError:  # Prefect's word for it
        return None
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        if status in (401, 403):
            hint = "look at PREFECT_API_KEY, and at what it may read"
            raise SecretRefused(f"the engine does not let us read its block {name} ({status})", hint=hint) from None
        kind = SecretAway if status >= 500 or status == 429 else SecretMissing
        raise kind(f"the engine failed at its block {name} ({status})", hint="look at the engine's log") from None
    except httpx.HTTPError as error:
        hint = "look at the engine with `baton server status`"
        raise SecretAway(f"the engine does not answer ({type(error).__name__})", hint=hint) from None
    assert isinstance(block, Secret)  # a coroutine only where an event loop runs, and steps have none
    return block.value.get_secret_value()
