"""What is known of a ticket before anybody has read it."""

from typing import Literal

from pydantic import BaseModel, Field


class Triage(BaseModel):
    """Who is to look at a ticket, and what it is about."""

    queue: Literal["account", "billing", "delivery", "returns", "setup", "other"] = Field(
        description="Who can help; other is for the press, shops, and praise."
    )
    urgent: bool = Field(description="Does the customer need an answer today?")
    product: Literal["Tern", "Heron", "Plover", "Dunlin"] | None = Field(
        description="Thermostat, doorbell, air sensor, or smart plug."
    )
    order: str | None = Field(description="The number of the order, such as FM-48213.")
