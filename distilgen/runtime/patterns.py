"""What tells that a piece of text is somebody's: e-mail addresses, card numbers, keys and so on.

Precise before complete: a row in which every date is a `[PHONE_1]` teaches nothing. Every pattern
runs in linear time, whatever the text: quantifiers are bounded, possessive, or start where a word
does.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilgen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ALL = "all"
"""The name that stands for every pattern."""

Span = tuple[int, int]

_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FO", "GL", "NL", "FK", "SD"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN"), 20),
    **dict.fromkeys(("CH", "CR", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "TL", "OM", "SO"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    "LC": 32,
    "RU": 33,
}  # fmt: skip
"""Characters of an IBAN, by country: SWIFT's IBAN registry."""

_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[0-9]|6")
_PICTURE = re.compile(r"@\dx\.(?:png|jpe?g|gif|webp|svg|avif)$", re.IGNORECASE)
_DATE = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}(?!\d)")
_THOUSANDS = re.compile(r"\+\d{1,3}(?:[., ]\d{3})+|\+\d+\.\d+")


@dataclass(frozen=True)
class Pattern:
    """label: of its placeholders. hint: a character that every find holds; "0" is any digit.
    accept: where in a match the find is, None where it is none. key: the find without what may
    be written in many ways, so that one number has one placeholder.
    """

    label: str
    regex: re.Pattern[str]
    hint: str
    accept: Callable[[re.Match[str]], Span | None]
    key: Callable[[str], str]

    def finds(self, text: str) -> Iterator[Span]:
        """Where finds begin and end, in order; none overlaps another."""
        if not (_DIGIT.search(text) if self.hint == "0" else self.hint in text):
            return
        place = 0
        while match := self.regex.search(text, place):
            span = self.accept(match)
            if span is None:
                place = match.start() + 1
            else:
                yield span
                place = span[1]


_DIGIT = re.compile("[0-9]")


def check(names: Iterable[str], origin: str) -> tuple[str, ...]:
    """The names of patterns, each once, in the order in which they are looked for; `all` is every
    one. origin: who said them. Raises ConfigError for a name that there is not.
    """
    said = {name.strip().lower() for name in names} - {""}
    for name in sorted(said - {ALL, *PATTERNS}):
        close = difflib.get_close_matches(name, (*PATTERNS, ALL), n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PATTERNS)}, {ALL}"
        raise ConfigError(f"{origin}: there is no pattern {name!r}; {hint}")
    return tuple(name for name in PATTERNS if name in said or ALL in said)


def replaced(text: str, names: Iterable[str], placeholder: Callable[[str, str], str]) -> str:
    """The text with each find replaced. placeholder: makes one of a find's key and its label."""
    for name in names:
        pattern = PATTERNS[name]
        parts: list[str] = []
        place = 0
        for start, end in pattern.finds(text):
            parts += text[place:start], placeholder(pattern.key(text[start:end]), pattern.label)
            place = end
        if parts:
            text = "".join((*parts, text[place:]))
    return text


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _same(text: str) -> str:
    return text


def _email(match: re.Match[str]) -> Span | None:
    return None if _PICTURE.search(match[0][-24:]) else match.span()


def _card(match: re.Match[str]) -> Span | None:
    digits = _digits(match[0])

    total = sum(map(int, digits[-1::-2])) + sum(
        sum(map(int, str(int(digit) * 2))) for digit in digits[-2::-2]
    )
    return match.span() if total % 10 == 0 and _ISSUERS.match(digits) else None


def _iban(match: re.Match[str]) -> Span | None:
    text = match[0]
    length = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    if not length or len(places) < length:
        return None
    end = places[length - 1] + 1
    if text[end : end + 1].isalnum():
        return None
    code = "".join(text[place] for place in places[:length]).upper()
    number = "".join(str(int(letter, 36)) for letter in code[4:] + code[:4])
    return (match.start(), match.start() + end) if int(number) % 97 == 1 else None


def _phone(match: re.Match[str]) -> Span | None:
    text = match[0]
    count = len(_digits(text))
    if text.startswith("+"):
        bare = count == len(text) - 1
        wrong = _THOUSANDS.fullmatch(text) or not (9 if bare else 8) <= count <= 15
    elif match.lastgroup == "trunk":
        wrong = _DATE.match(text) or not 9 <= count <= 12
    else:
        wrong = not 10 <= count <= 15
    return None if wrong else match.span()


def _key(match: re.Match[str]) -> Span | None:
    if match.lastgroup is None:
        return match.span()
    found = match[match.lastgroup]
    plain = match.lastgroup != "address" and not _DIGIT.search(found)
    return None if plain else match.span(match.lastgroup)


def _jwt(match: re.Match[str]) -> Span | None:
    head = match[1]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return None
    return match.span() if isinstance(header, dict) and "alg" in header else None


_JWT = r"(?<![\w-])(e[yw][\w-]{8,}+)\.[\w-]{2,}+\.[\w-]*+(?:\.[\w-]++){0,2}"

_KEY = r"""
    (?<![A-Za-z0-9]) (?:
        (?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}+ | github_pat_\w{22,}+ | glpat-[\w-]{20,}+
      | (?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])
      | xox[abeoprs]-[A-Za-z0-9-]{10,}+ | xapp-[A-Za-z0-9-]{10,}+
      | AIza[\w-]{35}(?![\w-])
      | [rsp]k_(?:live|test)_[0-9A-Za-z]{16,}+ | whsec_[0-9A-Za-z+/=]{16,}+
      | hf_[A-Za-z0-9]{30,}+ | npm_[A-Za-z0-9]{36,}+ | pypi-[\w-]{50,}+
      | SG\.[\w-]{16,}+\.[\w-]{16,}+
      | (?P<hyphened>(?<!-)sk-[\w-]{20,}+)
      | (?i:bearer)[ ]{1,4}(?P<bearer>[\w.~+/=-]{16,}+)
    )
  | -----BEGIN[ ](?:[A-Z]{1,20}[ ]){0,4}PRIVATE[ ]KEY-----
    (?:[^-]|-(?!----))*+ (?:-----END[ ](?:[A-Z]{1,20}[ ]){0,4}PRIVATE[ ]KEY-----)?
  | ://[^\s/:@]{0,256}:(?P<address>[^\s/@]{1,256})@
"""

_IBAN = r"(?<![^\W_])[A-Za-z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}"

_CARD = r"""
    (?<![^\W_]) (?<![0-9][.,]) (?:
        [0-9]{4}(?P<gap>[ \u00a0-])[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{1,4}(?:(?P=gap)[0-9]{1,3})?
      | [0-9]{4}(?P<wide>[ \u00a0-])[0-9]{6}(?P=wide)[0-9]{4,5}
      | [0-9]{13,19}
    ) (?![^\W_]) (?![.,][0-9])
"""

_EMAIL = r"""
    (?<![\w.%+-]) (?<![\w.%+-]')
    [\w.%+-]++ (?:'[\w.%+-]++)*+
    @ (?:[\w-]{1,63}+\.){1,16} (?:xn--[\w-]{1,59}|[^\W\d_]{2,63})
"""

_PHONE = r"""
    (?<![\w+]) (?<![\w][./-]) (?:
        \+[1-9] (?:[ \u00a0]?\(0\)[ ]?)? (?:[ \u00a0().\-/]{0,2}[0-9]){6,14}
      | 00[1-9][0-9]{0,2}[ \u00a0-] (?:[ \u00a0().\-/]{0,2}[0-9]){6,12}
      | (?:1[ .-])? \([2-9][0-9]{2}\)[ ]?[0-9]{3}[ .-][0-9]{4}
      | (?:1-)? [2-9][0-9]{2}-[0-9]{3}-[0-9]{4}
      | (?:1[ .])? [2-9][0-9]{2}(?P<gap>[ .])[2-9][0-9]{2}(?P=gap)[0-9]{4}
      | (?P<trunk> \(0[1-9][0-9]{0,4}\)[ ]? [0-9]{2,8}(?:[ -][0-9]{2,8}){0,3}
          | 0[1-9][0-9]{0,4}(?:[ \u00a0/-]|[ ]/[ ])[0-9]{2,8}(?:[ \u00a0-][0-9]{2,8}){0,4}
          | 0[1-9](?:\.[0-9]{2}){4} )
      | 07[0-9]{9} | 01[567][0-9]{8,9} | 0[67][0-9]{8}
    ) (?!\w) (?![./-][0-9])
"""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).upper()


def _dialled(text: str) -> str:
    return re.sub(r"[^0-9+]", "", text)


PATTERNS = {
    "jwt": Pattern("JWT", re.compile(_JWT, re.ASCII), ".", _jwt, _same),
    "key": Pattern("KEY", re.compile(_KEY, re.VERBOSE | re.ASCII), "", _key, _same),
    "iban": Pattern("IBAN", re.compile(_IBAN), "0", _iban, _letters),
    "card": Pattern("CARD", re.compile(_CARD, re.VERBOSE), "0", _card, _digits),
    "email": Pattern("EMAIL", re.compile(_EMAIL, re.VERBOSE), "@", _email, str.lower),
    "phone": Pattern("PHONE", re.compile(_PHONE, re.VERBOSE), "0", _phone, _dialled),
}
"""By name, in the order in which they are looked for: a card number is no phone number."""
