"""Reading English prose: whole sentences, and who does what in each."""

import re
from dataclasses import dataclass

_SPEAKER = re.compile(r"\*\*[^*]*\*\*")
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_WORD = re.compile(r"[A-Za-z]+|\d[\d,.]*\d|\d")
_DIGIT = re.compile(r"\d")

_COPULAS = {"is", "are", "was", "were"}

# How one asks for what stands behind a verb: the words before the subject, and the verb after it.
_ASKED = {
    **dict.fromkeys(_COPULAS, ("What {verb}", "")),
    "contains": ("What does", "contain"),
    "cost": ("How much did", "cost"),
    "costs": ("How much does", "cost"),
    "expect": ("What do", "expect"),
    "fell": ("How far did", "fall"),
    "gets": ("What does", "get"),
    "grew": ("How far did", "grow"),
    "has": ("What does", "have"),
    "have": ("What do", "have"),
    "holds": ("What does", "hold"),
    "keeps": ("What does", "keep"),
    "lasts": ("How long does", "last"),
    "leaves": ("What does", "leave"),
    "lost": ("What did", "lose"),
    "measures": ("What does", "measure"),
    "moved": ("What did", "move"),
    "opened": ("What did", "open"),
    "ordered": ("What did", "order"),
    "reached": ("What did", "reach"),
    "reports": ("What does", "report"),
    "rises": ("How far does", "rise"),
    "rose": ("How far did", "rise"),
    "sends": ("What does", "send"),
    "shipped": ("What did", "ship"),
    "spent": ("What did", "spend"),
    "takes": ("What does", "take"),
    "took": ("What did", "take"),
    "turns": ("What does", "turn"),
    "uses": ("What does", "use"),
    "watches": ("What does", "watch"),
    "weighs": ("How much does", "weigh"),
}
_UNCLEAR = {"it", "its", "they", "them", "their", "this", "that", "these", "those", "both", "he"}
_LOWER = {"a", "about", "an", "our", "the", "we"}
_DETERMINERS = {"a", "an", "about", "at", "between", "no", "the"}
_HELPERS = {"can", "has", "have", "may", "must", "usually", "will", "would"}
_AHEAD = {"before", "for", "from", "in", "most", "no", "of", "some", "to", "with"}
_AND_SO_ON = re.compile(
    r",? (?:and (?:a|it|more|sees|the|will)|because|but|compared|so that|which)\b"
)


@dataclass(frozen=True)
class Clause:
    """A sentence in three parts. said: what stands behind the verb, without what goes on there."""

    subject: str
    verb: str
    said: str

    @property
    def question(self) -> str:
        """The question that `said` answers."""
        ahead, verb = _ASKED[self.verb]
        return " ".join(filter(None, (ahead.format(verb=self.verb), self.subject, verb))) + "?"


def sentences(text: str) -> list[str]:
    """The whole sentences of a text, which may begin and end in the middle of one."""
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        plain = " ".join(_SPEAKER.sub(" ", paragraph).split())
        found += [part for part in _END.split(plain) if _is_whole(part)]
    return found


def _is_whole(part: str) -> bool:
    return part[:1].isupper() and part[-1:] in ".!?" and len(part.split()) >= 4


def words(text: str) -> list[str]:
    """Its words and numbers, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def stem(word: str) -> str:
    """A word without the ending that its grammar gives it."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) > 3:
            return word.removesuffix(ending)
    return word


def is_clear(sentence: str) -> bool:
    """Does it say by itself what it is about?"""
    return _UNCLEAR.isdisjoint(words(sentence)[:3])


def number_in(sentence: str) -> str:
    """The first number of a sentence; empty where there is none."""
    return next((word for word in _WORD.findall(sentence) if _DIGIT.match(word)), "")


def clause(sentence: str, text: str) -> Clause | None:
    """The sentence in its parts, where it is as simple as that. text: that it stands in, which
    shows whether its first word is a name.
    """
    parts = sentence.rstrip(".!?").split()
    places = [place for place, word in enumerate(parts[:8]) if word in _ASKED]
    if not places or parts[0].lower() in _AHEAD:
        return None
    place = places[1] if places[1:] == [places[0] + 1] else places[0]  # "freight costs fell"
    subject, verb, said = parts[:place], parts[place], parts[place + 1 :]
    if not subject or not said or any("," in part for part in subject):
        return None
    named = said[0] in _DETERMINERS or _DIGIT.match(said[0])
    if subject[-1] in _HELPERS or (verb in _HELPERS | _COPULAS and not named):
        return None
    first = subject[0].lower()
    if first in _LOWER or re.search(rf"\b{re.escape(first)}\b", text):
        subject[0] = first
    return Clause(" ".join(subject), verb, _AND_SO_ON.split(" ".join(said))[0])
