"""Reading a paper: its sentences, their words, and the works that they cite."""

import re
from dataclasses import dataclass

_NAME = r"[A-Z][\w'-]+"
_AUTHORS = rf"(?P<author>{_NAME})(?P<others> et al\.| and {_NAME})?"
_IN_TEXT = re.compile(rf"{_AUTHORS} \((?P<year>\d{{4}})\)")
_IN_BRACKETS = re.compile(rf"{_AUTHORS}, (?P<year>\d{{4}})")
_BRACKETS = re.compile(rf"\s*\((?:{_NAME}[^()]*?, \d{{4}}(?:; )?)+\)")
_END = re.compile(r"(?<!et al)(?<=[.!?])\s+(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_COMMON = frozenset(
    _WORD.findall(
        "a an the of in on at to and or for from by with that than is are was were be as its it "
        "this we our what which who does do did say says about paper work works cited not has"
    )
)


@dataclass(frozen=True)
class Cited:
    """A work as a sentence cites it. others: ` et al.` or ` and NAME`."""

    author: str
    others: str
    year: int
    sentence: str

    @property
    def name(self) -> str:
        """As a question names it."""
        return f"{self.author}{self.others} ({self.year})"


def sentences(text: str) -> list[str]:
    """The whole sentences of a text, without headings; it may be cut at both ends."""
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        if not paragraph.lstrip().startswith("#"):
            found += [part for part in _END.split(" ".join(paragraph.split())) if _is_whole(part)]
    return found


def _is_whole(part: str) -> bool:
    return part[:1].isupper() and part[-1:] in ".!?" and len(part.split()) >= 4


def cited(sentence: str) -> list[Cited]:
    """The works that a sentence cites, in order."""
    inside = [found for part in _BRACKETS.finditer(sentence)
              for found in _IN_BRACKETS.finditer(sentence, *part.span())]  # fmt: skip
    found = sorted([*_IN_TEXT.finditer(sentence), *inside], key=lambda match: match.start())
    return [Cited(m["author"], m["others"] or "", int(m["year"]), sentence) for m in found]


def told(work: Cited) -> str:
    """What the sentence says of a work, without the citations in brackets."""
    plain = _BRACKETS.sub("", work.sentence).rstrip(".")
    return plain.removeprefix(work.name).strip()


def content(text: str) -> list[str]:
    """The words that a text is about, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if word not in _COMMON]
