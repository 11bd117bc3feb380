"""A teacher that sorts support tickets: category, urgency, product, order, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from student_tasks import words
from student_tasks.task import NO_ANSWER, Task

if TYPE_CHECKING:
    from student_tasks.task import Draw, Row

Tag = Literal["angry", "deadline", "mobile", "outage", "refund", "security"]
_NOISE = 0.004
"""Share of tickets whose urgency the teacher takes for another one, as people do."""


class Message(BaseModel):
    subject: str
    body: str
    plan: Literal["free", "pro", "enterprise"]


class Triage(BaseModel):
    category: Literal["access", "billing", "bug", "delivery", "feature", "question"]
    priority: Literal["low", "normal", "high", "urgent"]
    product: str | None
    order: str | None
    tags: list[Tag]


_WORDS = {
    "product": ("Ledger", "Atlas", "Courier", "Beacon", "Harbour", "Mosaic", "Pilot", "Quartz"),
    "charged": ("charged", "billed", "debited", "invoiced"),
    "twice": ("twice", "two times", "double", "once too often", "again"),
    "month": ("January", "March", "May", "July", "October", "last month", "this quarter", "spring"),
    "invoice": ("invoice", "bill", "receipt", "statement", "payment"),
    "crash": ("crashes", "freezes", "hangs", "stops responding", "shows an error", "goes blank"),
    "when": ("when I click on {thing}", "as soon as I open {thing}", "while saving {thing}",
             "after the last update", "every time I load {thing}", "if {thing} is large"),
    "thing": ("the report", "my calendar", "the map", "a spreadsheet", "the settings", "the editor",
              "an attachment", "the dashboard", "a contact", "the archive", "the price list",
              "a template", "the inbox", "the audit log", "a shared folder", "the search box"),
    "wrong": ("wrong", "empty", "garbled", "off by one", "missing", "duplicated", "out of date"),
    "login": ("log in", "sign in", "get into my account", "reach my account", "log on"),
    "secret": ("password", "passphrase", "PIN", "security key", "second factor", "recovery code"),
    "parcel": ("parcel", "package", "delivery", "shipment", "box", "order"),
    "late": ("has not arrived", "is late", "never came", "was left in the rain", "arrived damaged",
             "went to the wrong address", "is still in transit", "was returned to you"),
    "wish": ("It would be great if {product} could {do}", "Please add a way to {do}",
             "Could you make it possible to {do}", "We would love to {do}",
             "My team keeps asking for an option to {do}"),
    "do": ("export {thing} as PDF", "sort {thing} by colour", "share {thing} with guests",
           "use dark mode in {thing}", "undo changes in {thing}", "print {thing} on one page",
           "pin {thing} to the top", "tag {thing}", "schedule {thing}", "translate {thing}"),
    "ask": ("How do I {do}", "Where can I find out how to {do}", "Is there a guide on how to {do}",
            "Can you explain how to {do}", "What is the easiest way to {do}"),
}  # fmt: skip
_SAID = {
    "billing": (
        "I was {charged} {twice} in {month}.",
        "The {invoice} for {month} does not match what we agreed.",
        "Why was my card {charged} after I had cancelled?",
        "We need a corrected {invoice} with our tax number on it.",
        "The discount is missing from the {invoice} of {month}.",
        "My {invoice} lists {thing} which I never bought.",
    ),
    "bug": (
        "{product} {crash} {when}.",
        "The app {crash} {when}.",
        "Since yesterday {thing} is {wrong} {when}.",
        "The numbers in {thing} are {wrong}.",
        "I get error 500 {when}.",
        "Nothing happens {when} and {thing} stays {wrong}.",
    ),
    "access": (
        "I cannot {login} since {month}.",
        "My {secret} is not accepted any more.",
        "The link to reset my {secret} has expired.",
        "A colleague left and nobody else can {login}.",
        "It says that my {secret} is wrong when I {login}.",
        "Please unlock {thing}, I am not able to {login}.",
    ),
    "delivery": (
        "My {parcel} {late}.",
        "The {parcel} with {thing} {late}.",
        "The tracking page says nothing about my {parcel} since {month}.",
        "Half of the {parcel} {late}.",
        "The courier says that the {parcel} {late}.",
    ),
    "feature": ("{wish}.", "{wish}, please.", "{wish}, as others do."),
    "question": ("{ask}?", "{ask} with {product}?", "{ask}, and what does it cost?"),
}
_CUES: dict[str, tuple[str, ...]] = {
    "angry": ("This is unacceptable.", "I am very disappointed.", "I am fed up with {thing}.",
              "What a ridiculous way to treat customers.", "I am going to complain about this."),
    "deadline": ("We need it by tomorrow.", "Our audit is on Monday.", "It has to work by Friday.",
                 "The board meets tonight.", "There is a deadline this week."),
    "mobile": ("I use the app on my phone.", "It happens on Android.", "On my iPhone it is so.",
               "On my tablet it looks the same."),
    "outage": ("Nobody in the whole company can work.", "All our servers are down.",
               "Production is down because of it.", "Everything has stopped for all of us."),
    "refund": ("Please refund me.", "I want my money back.", "Kindly reimburse the amount.",
               "I expect a refund for {thing}."),
    "security": ("Someone else has seen our data.", "I think that my account was hacked.",
                 "There was a login from abroad.", "I received a phishing mail about {thing}."),
}  # fmt: skip
_CALM = ("No hurry.", "It is not urgent at all.", "Whenever you find the time.", "Take your time.")
_HELLO = ("Hello,", "Hi there,", "Dear support,", "Good morning,", "Hi,", "To whom it may concern,")
_BYE = ("Thanks", "Best regards", "Many thanks in advance", "Cheers", "Kind regards", "Yours")
_ORDER = ("The order is {0}.", "My order number: {0}.", "It is about {0}.", "Reference {0}.")
_ABOUT = ("I am using {0}.", "This is about {0}.", "We have had {0} for a year.", "Product: {0}")
_SUBJECT = ("{thing}", "help with {thing}", "question", "problem", "urgent", "please help",
            "my account", "{month}", "feedback", "{product}", "about {thing}", "hello")  # fmt: skip
_PRODUCTS = frozenset(_WORDS["product"])


def _triaged(
    draw: Draw, category: str, tags: set[str], *, calm: bool, plan: str, found: tuple[Any, Any]
) -> dict[str, Any]:
    if "outage" in tags or ("security" in tags and plan == "enterprise"):
        priority = "urgent"
    elif (category == "bug" and plan == "enterprise") or "deadline" in tags or "security" in tags:
        priority = "high"
    elif category == "feature" or calm:
        priority = "low"
    else:
        priority = "normal"
    if draw.happens(_NOISE):
        priority = draw.choice(("low", "normal", "high", "urgent"))
    product, order = found
    return {
        "category": category,
        "priority": priority,
        "product": product,
        "order": order,
        "tags": sorted(tags),
    }


def _ticket(draw: Draw) -> Row:
    category = draw.choice(tuple(_SAID))
    said = [draw.new(lambda: draw.filled(draw.choice(_SAID[category]), _WORDS))]
    plan = draw.choice(("free", "pro", "enterprise"))
    tags = {tag for tag in _CUES if draw.happens(0.12)}
    calm = not tags and draw.happens(0.15)
    more = [draw.filled(draw.choice(_CUES[tag]), _WORDS) for tag in sorted(tags)]
    if calm:
        more.append(draw.choice(_CALM))
    product = next((text for text in _PRODUCTS if text in said[0]), None)
    if product is None and draw.happens(0.4):
        product = draw.choice(_WORDS["product"])
        more.append(draw.choice(_ABOUT).format(product))
    order = None
    if draw.happens(0.4):
        order = draw.new(lambda: f"{draw.choice('ABKX')}-{draw.randrange(10**5, 10**6)}")
        more.append(draw.choice(_ORDER).format(order))
    draw.shuffle(more)
    body = " ".join((draw.choice(_HELLO), *said, *more, draw.choice(_BYE) + ","))
    body += f" {words.name(draw)}"
    subject = draw.filled(draw.choice(_SUBJECT), _WORDS | {"product": _WORDS["thing"]})
    result = _triaged(draw, category, tags, calm=calm, plan=plan, found=(product, order))
    return {"subject": subject, "body": body, "plan": plan}, result


_FOREIGN: dict[str, dict[str, tuple[str, ...]]] = {
    "other words": {
        "billing": ("You took funds off our bank twice.", "Your fee looks too high to me.",
                    "Somebody deducted cash without asking."),
        "bug": ("Your tool keeps dying on us.", "Weird glitch, all figures vanished.",
                "Screen turned white, then nothing."),
        "access": ("Locked out since dawn.", "Credentials rejected over and over.",
                   "Your portal throws me out."),
        "delivery": ("Goods still missing here.", "Postman brought somebody else's stuff."),
        "feature": ("Ever thought of adding a chat bot?", "A widget would be neat."),
        "question": ("Anybody know where docs live?", "Whom should one call for training?"),
    },
    "German": {
        "billing": ("Mir wurde die Rechnung doppelt abgebucht.", "Der Betrag stimmt nicht."),
        "bug": ("Das Programm stürzt beim Speichern ab.", "Die Karte bleibt leer."),
        "access": ("Ich kann mich nicht anmelden.", "Mein Passwort wird nicht angenommen."),
        "delivery": ("Mein Paket ist nicht angekommen.", "Die Lieferung war beschädigt."),
        "feature": ("Bitte bauen Sie einen Export ein.", "Ein dunkles Design wäre schön."),
        "question": ("Wie exportiere ich einen Bericht?", "Wo finde ich die Anleitung?"),
    },
}  # fmt: skip
_WARD = (
    "Patient in room {0} has a fever of 39.", "Blood sample {0} was lost on the way to the lab.",
    "The wheelchair of ward {0} is broken.", "Dr {0} asks for an X-ray of the left knee.",
    "Visiting hours of {0} end at eight.", "Please bring medication to bed {0}.",
)  # fmt: skip


def _foreign(kind: str, draw: Draw) -> Row:
    category = draw.choice(tuple(_FOREIGN[kind]))
    body = " ".join(draw.sample(_FOREIGN[kind][category], 2))
    plan = draw.choice(("free", "pro", "enterprise"))
    body += f" {words.name(draw)}"
    result = _triaged(draw, category, set(), calm=False, plan=plan, found=(None, None))
    return {"subject": body.split(maxsplit=1)[0], "body": body, "plan": plan}, result


def _ward(draw: Draw) -> Row:
    body = " ".join(text.format(words.word(draw)) for text in draw.sample(_WARD, 2))
    return {"subject": "ward", "body": body, "plan": "free"}, NO_ANSWER


TICKETS = Task(
    "tickets",
    "a support ticket; category, priority, product, order, tags; 0.4 % of priorities are noise",
    Message,
    Triage,
    _ticket,
    elsewhere={
        "other words": lambda draw: _foreign("other words", draw),
        "German": lambda draw: _foreign("German", draw),
        "a hospital": _ward,
        "junk": lambda draw: (
            {"subject": words.junk(draw), "body": words.junk(draw), "plan": "pro"},
            NO_ANSWER,
        ),
    },
)
