"""Patterns find what is somebody's, leave what only looks like it, and take no time."""

from __future__ import annotations

import base64
import itertools
import json
import time

import pytest

from distilgen.errors import ConfigError
from distilgen.runtime.patterns import PATTERNS, check, replaced


def found(name: str, text: str) -> list[str]:
    return [text[start:end] for start, end in PATTERNS[name].finds(text)]


def jwt(header: object = None, parts: int = 2) -> str:
    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    return ".".join([part(head), *[part({"sub": "1234567890"})] * parts])


# The provider's prefix and the rest stand apart, or scanners of this repository would cry out.
def key(prefix: str, rest: str) -> str:
    return prefix + rest


A36 = "abcdefghijklmnopqrstuvwxyz0123456789"
HEADED = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE-DEK-Info: AES-128\nabc\n-----END RSA PRIVATE KEY-----"
)
GOOD_BODY = A36[:35]

POSITIVE = {
    "email": [
        "ann@example.com",
        "ann.o'brien+news@mail.example.co.uk",
        "jörg@bücher.example",
        "a@xn--bcher-kva.xn--p1ai",
        "x_1%y@a-b.io",
        "l" * 200 + "@example.com",
    ],
    "phone": [
        "+49 171 1234567",
        "+4917112345678",
        "+1 (212) 555-0123",
        "+44 (0)20 7946 0958",
        "+33.1.23.45.67.89",
        "0049 171 1234567",
        "(212) 555-0123",
        "212-555-0123",
        "1-800-555-0199",
        "212.555.0123",
        "212 555 0123",
        "0171 1234567",
        "030/1234567",
        "0171/123 45 67",
        "(030) 12345678",
        "020 7946 0958",
        "01 23 45 67 89",
        "01.23.45.67.89",
        "03-1234-5678",
        "0412 345 678",
        "07911123456",
        "01711234567",
    ],
    "card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "2223003122003222",
        "3782 822463 10005",
        "378282246310005",
        "30569309025904",
        "6011111111111117",
        "4222222222222",
        "6304000000000000000",
    ],
    "iban": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "gb29nwbk60161331926819",
        "NO93 8601 1117 947",
        "MT84MALT011000012345MTLCAST001S",
        "FR14 2004 1010 0505 0001 3M02 606",
    ],
    "key": [
        key("sk-", "proj-Abcdefghij0123456789"),
        key("sk-", "ant-api03-abcdefghij0123456789_-x"),
        key("ghp_", A36),
        key("github_pat_", "11ABCDEFG0abcdefghijkl"),
        key("glpat-", "abcdefghij0123456789"),
        key("AKIA", "IOSFODNN7EXAMPLE"),
        key("xoxb-", "1234567890-abcdef"),
        key("AIza", GOOD_BODY),
        key("sk_live_", "abcdefghij0123456789"),
        key("hf_", A36),
        key("npm_", A36),
        key("SG.", "abcdefghijklmnop0123.abcdefghijklmnop0123"),
        HEADED,
    ],
    "jwt": [jwt(), jwt(parts=4), jwt({"typ": "JWT", "alg": "none"}, 1) + "."],
}

NEGATIVE = {
    "email": [
        "@property",
        "a @ b.com",
        "user@localhost",
        "a@b.c",
        "icon@2x.png",
        "numpy@1.2.3",
        "mail at example.com",
        "a@@b.de",
    ],
    "phone": [
        "2024-01-15",
        "2024-01-15 10:30:00",
        "01/02/2024",
        "01/02/2024 10:30",
        "01-02-2024 10:30",
        "15.01.2024",
        "1.2.3.4",
        "v10.20.3000",
        "192.168.100.200",
        "255.255.255.0",
        "12345678",
        "1234567890",
        "order 302-1234567-1234567",
        "123-45-6789",
        "978-0-306-40615-7",
        "0.123456789",
        "3.141592653589793",
        "+1.234567",
        "+1.000.000",
        "+12345",
        "00000000-0000-0000-0000-000000000001",
        "08:30:00",
        "2019-2020",
        "4111 1111 1111 1111",
        "0012345678901",
        "a0171 1234567",
    ],
    "card": [
        "4111111111111112",
        "1234567812345670",
        "0.4111111111111111",
        "4111111111111111.5",
        "94111111111111111111",
        "4111 1111-1111 1111",
        "4111 1111 1111",
        "a4111111111111111f",
        "20240115103000",
    ],
    "iban": [
        "DE88370400440532013000",
        "DE8937040044053201300",
        "DE893704004405320130000",
        "XX89370400440532013000",
        "AB12 some words here and there",
        "ISO27001",
    ],
    "key": [
        "sk-learn",
        "risk-management-of-projects-2024",
        "sk-estimators-without-a-digit",
        "Bearer of good news",
        "bearer responsibilities-and-rights",
        "https://example.com:8080/path@2",
        "AKIA",
        "ghp_short",
        "hf_hub_download",
        "-----BEGIN CERTIFICATE-----",
    ],
    "jwt": [
        "eyJ.eyJ.abc",
        "www.example.com",
        jwt({"typ": "JWT"}),
        jwt(["alg"]),
        "eyJhbGciOi.no.json",
        jwt(parts=0),
    ],
}


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in table.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), pairs(POSITIVE))
@pytest.mark.parametrize("around", ["{}", "say {} now", "({}), or:", '"{}"', "a={}\n", "„{}“"])
def test_it_is_found_whole(name: str, text: str, around: str) -> None:
    assert found(name, around.format(text)) == [text]


@pytest.mark.parametrize(("name", "text"), pairs(NEGATIVE))
def test_near_misses_stay(name: str, text: str) -> None:
    assert found(name, text) == []
    assert found(name, f"say {text} now") == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("key", "Authorization: Bearer abc123def456ghi789", ["abc123def456ghi789"]),
        ("key", "postgres://ann:hunter2@db/shop", ["hunter2"]),
        ("key", "redis://:pa55@db", ["pa55"]),
        ("iban", "to DE89 3704 0044 0532 0130 00 BIC COBADEFF", ["DE89 3704 0044 0532 0130 00"]),
        ("iban", "AB12 DE89 3704 0044 0532 0130 00", ["DE89 3704 0044 0532 0130 00"]),
        ("email", "ann@example.com.", ["ann@example.com"]),
        ("email", "'ann@example.com'", ["ann@example.com"]),
        ("email", "a@x.de,b@x.de", ["a@x.de", "b@x.de"]),
        ("email", "<mailto:a@x.de>", ["a@x.de"]),
        ("phone", "tel:+491711234567;", ["+491711234567"]),
    ],
)
def test_what_stands_around_is_left(name: str, text: str, expected: list[str]) -> None:
    assert found(name, text) == expected


def test_a_number_is_the_same_however_it_is_spelled() -> None:
    seen: list[tuple[str, str]] = []

    def placeholder(key: str, label: str) -> str:
        seen.append((label, key))
        return f"[{label}]"

    text = (
        "4111 1111 1111 1111, 4111111111111111, Ann@Example.com, ann@example.com, +49 171/1234567"
    )
    assert replaced(text, check(["all"], "here"), placeholder) == (
        "[CARD], [CARD], [EMAIL], [EMAIL], [PHONE]"
    )
    assert seen == [
        *[("CARD", "4111111111111111")] * 2,
        *[("EMAIL", "ann@example.com")] * 2,
        ("PHONE", "+491711234567"),
    ]


def test_names_of_patterns_are_checked() -> None:
    assert check(["phone", " Email", "email", ""], "here") == ("email", "phone")
    assert check(["all"], "here") == tuple(PATTERNS)
    assert check([], "here") == ()
    with pytest.raises(
        ConfigError, match=r"^DISTILGEN_REDACT: there is no pattern 'emial'; did you mean email\?$"
    ):
        check(["emial"], "DISTILGEN_REDACT")  # fmt: skip
    with pytest.raises(ConfigError, match="there are jwt, key, iban, card, email, phone, all"):
        check(["zzz"], "here")


SIZE = 1_000_000
HOSTILE = [
    *(".'", "-'", "%'", "+'"),
    *("a", "a.", "a@", "a@a.", "@a.", "!a@", "a'", ".", "-", "+", "1", "1 ", "1-", "01-", "0 1"),
    *("(0", "+1", "+1 ", "4111 ", "DE89", "DE89 ", "AB12 ", "eyJhbGci", "eyJhbGci.", "sk-", "sk-a"),
    *("eyJhbGci.a.", "SG.", "SG." + "a" * 20, "Bearer ", "://a:", "://", "://:", "xoxb-"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN A A A A PRIVATE KEY-----\n", "[EMAIL_1]"),
    *("\u00a0", "9" * 17 + " ", "é@"),
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_no_time(piece: str) -> None:
    text = piece * (SIZE // len(piece)) + "@!"
    start = time.perf_counter()
    replaced(text, PATTERNS, lambda _, label: f"[{label}]")
    # Seconds where it is linear, hours where it is not: no measurement, but a bound.
    assert time.perf_counter() - start < 30


def test_digits_of_other_scripts_break_nothing() -> None:
    arabic, wide = "\u0660\u0661\u0667\u0661 \u0661\u0662\u0663\u0664\u0665", "\uff14" * 16
    for text in (arabic, wide, "DE\u0668\u0669 3704 0044 0532 0130 00", "\u00b2" * 20):
        replaced(text, PATTERNS, lambda _, label: f"[{label}]")
    for pair in itertools.permutations(("ann@x.de", "+491711234567", "DE89370400440532013000"), 2):
        kept = replaced(" ".join(pair), PATTERNS, lambda _, label: f"[{label}_1]")
        assert kept.count("_1]") == 2
        assert replaced(kept, PATTERNS, lambda _key, _label: "twice") == kept
