"""From the transcript of a sales call to the email that follows it: a chain of five steps."""

from shop import text
from shop.catalogue import PRICES
from shop.models import Email

DRAFTS = 3


def extract_summary(video_transcript: str) -> list[str]:
    """The sentences that matter: those that name a product, a price or a wish."""
    wishes = ("need", "want", "looking for", "would like", "worried")
    return [
        sentence
        for turn in text.turns(video_transcript)
        for sentence in turn.sentences
        if text.products(sentence)
        or text.prices(sentence)
        or (turn.role == "customer" and any(wish in sentence.lower() for wish in wishes))
    ]


def check_facts(summary: list[str]) -> dict[str, int]:
    """The products of the summary with their true prices, whatever was said on the phone."""
    return {name: PRICES[name] for name in text.products(" ".join(summary))}


def first_draft(name: str, facts: dict[str, int]) -> str:
    """A polite email that says little."""
    about = " and the ".join(facts) or "shop"
    return f"Hi {name},\n\nthank you for your time today. It was good to talk about the {about}."


def denser(draft: str, summary: list[str], facts: dict[str, int], step: int) -> str:
    """The draft with one more thing in it, in as few words: a step of chain of density."""
    if step == 0 and facts:
        offers = ", ".join(f"{name} {price} euros" for name, price in facts.items())
        return f"{draft}\n\nAs promised, our prices: {offers}; {sum(facts.values())} euros in all."
    wishes = [sentence for sentence in summary if not text.prices(sentence)]
    if step == 1 and wishes:
        return f'{draft}\n\nYou said: "{wishes[0]}" I have made a note of it.'
    return draft


def complex_chain(video_transcript: str) -> Email:
    """Generate a follow-up email based on a video transcript.

    The email thanks the customer, names the true price of every product that the call was about,
    repeats what the customer wished for, and proposes the next call.
    """
    summary = extract_summary(video_transcript)
    facts = check_facts(summary)
    name = text.customer(video_transcript)
    drafts = [first_draft(name, facts)]
    for step in range(DRAFTS - 1):
        drafts.append(denser(drafts[-1], summary, facts, step))
    days = text.days_until_next_call(video_transcript)
    again = "tomorrow" if days == 1 else f"in {days} days"
    return Email(
        to=name,
        subject=f"Our call about the {next(iter(facts), 'shop')}"[:78],
        body=f"{drafts[-1]}\n\nI will call you again {again}.",  # the last draft wins
        products=list(facts),
        follow_up_days=days,
    )
