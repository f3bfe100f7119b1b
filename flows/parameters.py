"""The parameters of flows, as people fill them in: titles, patterns and examples of the forms. Prefect takes the
descriptions from the flows' docstrings, and a title only from here.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from lifecycle.environment import NAME

DAY: Final = 86_400

Blueprint = Annotated[
    str,
    Field(
        min_length=1,
        pattern=r"^\S(.*\S)?$",
        json_schema_extra={
            "title": "Blueprint",
            "examples": ["store:shop", "git+https://git.example.org/team/environments.git//shop?ref=main", "/srv/shop"],
        },
    ),
]
Environment = Annotated[
    str, Field(pattern=rf"^{NAME}$", json_schema_extra={"title": "Environment", "examples": ["dev"]})
]
EnvironmentRef = Annotated[
    str,
    Field(pattern=rf"^{NAME}/{NAME}$", json_schema_extra={"title": "Environment", "examples": ["shop/dev"]}),
]
Inputs = Annotated[dict[str, Any], Field(json_schema_extra={"title": "Inputs"})]
Wait = Annotated[float, Field(ge=0, le=DAY, json_schema_extra={"title": "Wait (seconds)"})]
AutoApprove = Annotated[bool, Field(json_schema_extra={"title": "Approve automatically"})]
LeaseLimit = Annotated[float | None, Field(gt=0, json_schema_extra={"title": "Lease at most (seconds)"})]
Revision = Annotated[int, Field(ge=0, json_schema_extra={"title": "Revision"})]
KeptRevision = Annotated[int | None, Field(ge=0, json_schema_extra={"title": "Revision (where the blueprint is gone)"})]
Appointed = Annotated[datetime | None, Field(json_schema_extra={"title": "Appointed (for scheduled runs)"})]
Limit = Annotated[int, Field(ge=1, le=1000, json_schema_extra={"title": "Environments at most"})]
