"""The schedule of a blueprint: when its environments are taken down, again and again."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import Text, wrong
from lifecycle.cron import EXAMPLE, BadCron, parse_cron
from lifecycle.recurring import BadZone, zone_of


def _cron(text: str) -> str:
    try:
        return parse_cron(text).text
    except BadCron as error:
        raise wrong(error.message, error.hint or EXAMPLE) from None


def _zone(name: str) -> str:
    try:
        return zone_of(name).key
    except BadZone as error:
        raise wrong(error.message, "a zone such as Europe/Berlin or UTC") from None


class Teardown(Part):
    """A recurring teardown. An environment that was brought up after one of its times stands until the next."""

    cron: Annotated[Text, AfterValidator(_cron)]
    """When, as five fields of cron: minute, hour, day of the month, month, day of the week."""

    tz: Annotated[Text, AfterValidator(_zone)]
    """The time zone whose clocks are meant, such as Europe/Berlin."""


class Schedule(Part):
    """What is done to every environment of the blueprint at certain times."""

    teardown: Teardown
    """When it is taken down. `baton schedule add` adds others for one environment."""
