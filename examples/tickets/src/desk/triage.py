"""From a ticket to the people who can help: a chain of three calls of a chat model."""

from desk import chat
from desk.models import Triage

GIST = "Quote the sentence of this support ticket that says best what the customer wants."
ABOUT = (
    "Which product is this support ticket about: Tern (thermostat), Heron (doorbell), Plover (air "
    "sensor) or Dunlin (smart plug)? And which order, such as FM-48213? Answer with a JSON object "
    "of product and order; null for what is not said."
)
QUEUE = (
    "A support ticket, after the sentence that says best what the customer wants. Who can help: "
    "account, billing, delivery, returns (refunds and replacements too), setup (whatever does not "
    "work), or other? Does it need an answer today? Answer with a JSON object of queue and urgent."
)


def triage(ticket: str) -> Triage:
    """Sort a support ticket into the queue of those who can help.

    A ticket about two things goes to the queue of the one that matters more. It is urgent if the
    customer needs an answer today, whatever they call it.
    """
    gist = chat.ask(GIST, ticket)
    about = chat.ask_json(ABOUT, ticket)
    queue = chat.ask_json(QUEUE, f"{gist}\n\n{ticket}")
    return Triage.model_validate({**queue, **about})
