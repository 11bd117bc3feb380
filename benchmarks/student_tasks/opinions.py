"""A teacher that reads restaurant reviews: what is said of each aspect, and over all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel

from student_tasks import words
from student_tasks.task import NO_ANSWER, Task

if TYPE_CHECKING:
    from student_tasks.task import Draw, Row

Opinion = Literal["positive", "negative", "none"]
_ASPECTS = ("food", "service", "price", "place")


class Review(BaseModel):
    text: str


class Opinions(BaseModel):
    food: Opinion
    service: Opinion
    price: Opinion
    place: Opinion
    overall: Literal["positive", "negative", "mixed"]


_WORDS = {
    "very": ("very", "really", "so", "quite", "rather", "extremely", "just"),
    "dish": ("soup", "steak", "pasta", "curry", "salad", "fish", "pizza", "dessert", "burger",
             "risotto", "bread", "duck", "omelette", "lamb", "coffee", "cake", "tofu", "stew"),
    "staff": ("waiter", "waitress", "staff", "bartender", "host", "service", "cook", "manager"),
    "room": ("room", "terrace", "garden", "dining hall", "bar", "corner table", "balcony"),
    "day": ("Monday", "Friday", "our anniversary", "a rainy evening", "a Sunday", "holiday"),
    "food+": ("delicious", "tasty", "fresh", "crispy", "wonderful", "perfectly cooked", "juicy"),
    "food-": ("bland", "soggy", "burnt", "cold", "stale", "undercooked", "greasy", "tasteless"),
    "service+": ("friendly", "attentive", "charming", "quick", "helpful", "polite", "kind"),
    "service-": ("rude", "slow", "careless", "impatient", "unfriendly", "arrogant", "confused"),
    "place+": ("cosy", "bright", "spotless", "quiet", "elegant", "beautiful", "comfortable"),
    "place-": ("noisy", "dirty", "cramped", "dark", "smelly", "draughty", "shabby", "crowded"),
}  # fmt: skip
_SAID: dict[tuple[str, str], tuple[str, ...]] = {
    ("food", "positive"): (
        "The {dish} was {very} {food+}.", "I loved the {dish}.", "{food+} {dish} and {dish}!",
        "I still dream of their {dish}.", "The {dish} came hot and {food+}.",
        "Never was a {dish} so {food+}.",
    ),
    ("food", "negative"): (
        "The {dish} was {very} {food-}.", "My {dish} tasted {food-}.", "{food-} {dish}, sadly.",
        "I left half of the {dish}.", "The {dish} was not {food+}.", "I would not eat that {dish}.",
    ),
    ("service", "positive"): (
        "The {staff} was {very} {service+}.", "A {service+} {staff} took care of us.",
        "Our {staff} remembered us from {day}.", "The {staff} was never {service-}.",
    ),
    ("service", "negative"): (
        "The {staff} was {very} {service-}.", "We waited an hour for the {staff}.",
        "The {staff} forgot us on {day}.", "The {staff} was not {service+}.",
        "Such a {service-} {staff}.",
    ),
    ("price", "positive"): (
        "Great value for a {dish}.", "The bill was {very} reasonable.", "Cheap for {day}.",
        "You get a lot of {dish} for your money.", "The {dish} is a bargain.",
    ),
    ("price", "negative"): (
        "Far too expensive for a {dish}.", "The {dish} is overpriced.", "The bill was a shock.",
        "Ten euros for a {dish}, a rip-off.", "Not worth the money on {day}.",
    ),
    ("place", "positive"): (
        "The {room} is {very} {place+}.", "We sat in a {place+} {room}.",
        "I liked the music in the {room}.", "The {room} was not {place-} at all.",
    ),
    ("place", "negative"): (
        "The {room} is {very} {place-}.", "They put us into a {place-} {room}.",
        "There were flies in the {room}.", "The {room} could be more {place+}.",
    ),
}  # fmt: skip
_PLAIN = (
    "We went there on {day}.", "I had the {dish}.", "It is near the station.", "We were four.",
    "My sister ordered the {dish} and I the {dish}.", "The {room} has ten tables.",
    "They open at six.", "It was {day}.",
)  # fmt: skip


def _judged(said: dict[str, str]) -> dict[str, Any]:
    found = [said.get(aspect, "none") for aspect in _ASPECTS]
    good, bad = found.count("positive"), found.count("negative")
    overall = "positive" if good > bad else "negative" if bad > good else "mixed"
    return {**dict(zip(_ASPECTS, found, strict=True)), "overall": overall}


def _review(draw: Draw) -> Row:
    said = {
        aspect: draw.choice(("positive", "negative")) for aspect in _ASPECTS if draw.happens(0.55)
    }
    texts = [
        draw.new(lambda key=key: draw.filled(draw.choice(_SAID[key]), _WORDS))  # type: ignore[misc]
        for key in said.items()
    ]
    texts += [draw.filled(draw.choice(_PLAIN), _WORDS) for _ in range(draw.randrange(3))]
    draw.shuffle(texts)
    text = " ".join(made[:1].upper() + made[1:] for made in texts)
    return {"text": text or "No comment."}, _judged(said)


_Said: TypeAlias = dict[tuple[str, str], tuple[str, ...]]
_OTHER_WORDS: _Said = {
    ("food", "positive"): ("Delectable noodles.", "Scrumptious dumplings, ten out of ten."),
    ("food", "negative"): ("Ghastly noodles.", "My prawns stank.", "Mushy vegetables everywhere."),
    ("service", "positive"): ("Smiling crew, zero delay.", "They treated us like royalty."),
    ("service", "negative"): ("Surly crew.", "Nobody bothered to greet us."),
    ("price", "positive"): ("Wallet-friendly.", "Costs next to nothing."),
    ("price", "negative"): ("Daylight robbery.", "Costs a fortune."),
    ("place", "positive"): ("Gorgeous decor.", "Lovely view across the river."),
    ("place", "negative"): ("Filthy toilets.", "Neon lamps, sticky chairs."),
}
_SPANISH: _Said = {
    ("food", "positive"): ("La sopa estaba deliciosa.", "Un arroz riquísimo."),
    ("food", "negative"): ("La carne estaba fría.", "El pan estaba duro."),
    ("service", "positive"): ("El camarero fue muy amable.", "Nos atendieron enseguida."),
    ("service", "negative"): ("Un servicio pésimo.", "Esperamos una hora."),
    ("price", "positive"): ("Muy barato.", "Buena relación calidad precio."),
    ("price", "negative"): ("Demasiado caro.", "Una estafa."),
    ("place", "positive"): ("Un local precioso.", "La terraza es tranquila."),
    ("place", "negative"): ("El local estaba sucio.", "Mucho ruido."),
}
_LAPTOPS = (
    "The battery lasts {0} hours.", "Its keyboard is a joy to type on.", "Fan noise is terrible.",
    "Screen resolution beats the {0}.", "Shipping box of {0} was dented.", "Slow disk, weak GPU.",
    "Runs Linux and {0} without trouble.", "Returned it after two weeks.",
)  # fmt: skip


def _told(draw: Draw, texts: _Said) -> Row:
    said = {
        aspect: draw.choice(("positive", "negative"))
        for aspect in draw.sample(_ASPECTS, draw.randrange(1, 4))
    }
    return {"text": " ".join(draw.choice(texts[key]) for key in said.items())}, _judged(said)


def _laptop(draw: Draw) -> Row:
    texts = (text.format(words.word(draw)) for text in draw.sample(_LAPTOPS, 3))
    return {"text": " ".join(texts)}, NO_ANSWER


REVIEWS = Task(
    "reviews",
    "a restaurant's review; four aspects, with negations, and their sum",
    Review,
    Opinions,
    _review,
    elsewhere={
        "other words": lambda draw: _told(draw, _OTHER_WORDS),
        "Spanish": lambda draw: _told(draw, _SPANISH),
        "laptops": _laptop,
        "junk": lambda draw: ({"text": words.junk(draw)}, NO_ANSWER),
    },
)
