"""The rows of one file, looked at as quickly as they allow: those with the frame of a row that was
right by what is in its gaps, and all others in full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilgen.dataset.validation import plain
from distilgen.dataset.validation.chat import Chat
from distilgen.dataset.validation.contracted import Contracted
from distilgen.dataset.validation.frame import Frame, at, framed, gaps_of
from distilgen.dataset.validation.lines import kind, parsed
from distilgen.dataset.validation.profiles import CHAT, LOCAL, PROMPTS, TEXTS, Profile
from distilgen.dataset.validation.questions import ahead_of, answer_in, question_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract
    from distilgen.dataset.tokens import Counter
    from distilgen.dataset.validation.findings import Findings
    from distilgen.dataset.validation.frame import Gaps
    from distilgen.dataset.validation.questions import Question

    Noted = tuple[str, str, str]

_CHATS = frozenset({"openai-tools", "openai-functions", "openai-json", "trl"})
_KINDS = {"prompt-completion": PROMPTS, "text": TEXTS}
_OF_SIZE = "row-too-long"
_AROUND = 64  # tokens that hosts add to a row, at most, and its bytes do not show
_FRAMES = 8  # as many are tried on a line


class Rows:
    """Looks at rows, one at a time.

    format_name: of all rows; empty, where each row's keys tell it. contract: whose rows they are,
    if that is known. most: tokens of a row. counter: counts them.
    """

    def __init__(
        self,
        findings: Findings,
        profile: Profile,
        format_name: str = "",
        contract: Contract | None = None,
        *,
        most: int | None = None,
        counter: Counter | None = None,
    ) -> None:
        self._findings = findings
        self._profile = profile
        self._format = format_name
        self._contract = contract
        self._most = most
        self._counter = counter
        self._short = max(most - _AROUND, 0) if most and counter else None
        self._chats: dict[bool, Chat] = {}
        self._contracted: dict[str, Contracted] = {}
        self._frames: list[tuple[Frame, list[Noted]]] = []
        self._refused: set[str] = set()

    def look(self, line: bytes, number: int) -> int:
        """Note what is wrong with a line that holds a row. Returns the hash of what it asks."""
        noted, asked = self.read(line)
        if noted:
            for rule, path, message in noted:
                self._findings.add(rule, number, path, message)
        return asked

    def read(self, line: bytes) -> tuple[list[Noted], int]:
        """(what is wrong with a line, as (rule, JSON path, message); the hash of what it asks, or
        of all of it, where that cannot be told).
        """
        if self._short is None or len(line) <= self._short:
            for frame, noted in self._frames:
                asked = frame.takes(line)
                if asked is not None:
                    return noted, asked
        noted, question = self._in_full(line)
        return noted, question.hashed() if question else hash(line)

    def asked(self, line: bytes) -> tuple[bytes, bytes] | None:
        """(what a line asks, what it answers); None where that cannot be told."""
        row = parsed(line)[0]
        if not isinstance(row, dict):
            return None
        format_name = self._format or plain.format_of(row)
        question = question_of(row, format_name, ahead_of(self._contract, format_name))
        if question is None:
            return None
        try:
            return question.content(), answer_in(row, format_name)
        except RecursionError:
            return None

    def _in_full(self, line: bytes) -> tuple[list[Noted], Question | None]:
        row, of_json = parsed(line)
        noted: list[Noted] = [(item.rule, item.path, item.message) for item in of_json]
        if any(rule != "duplicate-key" for rule, _, _ in noted):
            return noted, None

        def say(rule: str, path: str, message: str) -> None:
            noted.append((rule, path, message))

        if not isinstance(row, dict):
            say("data-type", "$", f"is {kind(row)}, and must be an object")
            return noted, None
        format_name = self._format or plain.format_of(row)
        self._is_taken(format_name, say)
        is_chat = format_name in _CHATS
        if is_chat:
            self._chat(trl=format_name == "trl").check(row, say)
        else:
            plain.CHECKS[format_name](row, say)
        if self._contract is not None and _is_sound(row, noted, is_chat=is_chat):
            self._of_contract(format_name).check(row, say)
            noted = [item for item in noted if not _is_said(item, noted)]
        self._measure(line, row, say)
        question = question_of(row, format_name, ahead_of(self._contract, format_name))
        if question and len(self._frames) < _FRAMES and not of_json:
            self._learn(line, row, format_name, question, noted)
        return noted, question

    def _is_taken(self, format_name: str, say: Callable[[str, str, str], None]) -> None:
        """Once a file: does the host take such rows?"""
        kind_of = CHAT if format_name in _CHATS else _KINDS.get(format_name, format_name)
        profile = self._profile
        if profile is not LOCAL and format_name not in self._refused:
            self._refused.add(format_name)
            if kind_of not in profile.formats or format_name == "trl":
                takes = ", ".join(sorted(profile.formats))
                say("format-not-taken", "$", f"is a row of {format_name}; the host takes {takes}")

    def _chat(self, *, trl: bool) -> Chat:
        if trl not in self._chats:
            self._chats[trl] = Chat(self._profile, trl=trl)
        return self._chats[trl]

    def _of_contract(self, format_name: str) -> Contracted:
        if format_name not in self._contracted:
            assert self._contract is not None  # noqa: S101 - for mypy; the caller asked
            self._contracted[format_name] = Contracted(self._contract, format_name)
        return self._contracted[format_name]

    def _measure(
        self, line: bytes, row: dict[str, Any], say: Callable[[str, str, str], None]
    ) -> None:
        if self._short is None or self._counter is None or len(line) <= self._short:
            return
        tokens = self._counter.of_row(row)
        if self._most is not None and tokens > self._most:
            about = "" if self._counter.exact else "about "
            say(_OF_SIZE, "$", f"has {about}{tokens:,} tokens, and the most is {self._most:,}")

    def _learn(
        self,
        line: bytes,
        row: dict[str, Any],
        format_name: str,
        question: Question,
        noted: list[Noted],
    ) -> None:
        """Keep the frame of a row whose gaps are right; what is noted of the rest holds for all."""
        gaps = gaps_of(row, contracted=self._contract is not None)
        if gaps is None or any(
            rule in (_OF_SIZE, "format-not-taken") or _is_within(path, gaps)
            for rule, path, _ in noted
        ):
            return
        ahead = ahead_of(self._contract, format_name)
        behind = "\n\n" if ahead and format_name == "prompt-completion" else ""
        whole = at(row, gaps.question)
        if whole != (ahead + question.asked if ahead else question.asked):
            return
        parts = framed(line, row, gaps)
        fits = self._fitting(format_name, row, gaps)
        if parts and fits:
            asks = self._of_contract(format_name).asks if self._contract else _anything
            frame = Frame(parts, gaps, question, (ahead, behind), asks, fits)
            if frame.takes(line) is not None:
                self._frames.append((frame, list(noted)))

    def _fitting(
        self, format_name: str, row: dict[str, Any], gaps: Gaps
    ) -> Callable[[Any], bool] | None:
        """Does an answer's value fit? As the full look asks it."""
        offered = None
        if gaps.calls:
            tools = self._chat(trl=format_name == "trl").known(row)
            message = row["messages"][-1]
            calls = message.get("tool_calls") or [{"function": message.get("function_call")}]
            name = calls[0]["function"].get("name")
            if tools is None or not isinstance(name, str) or name not in tools.schemas:
                return None
            offered = tools.schemas[name]
        if self._contract is None:
            return offered.fits if offered else _anything
        of_contract = self._of_contract(format_name)
        if format_name == "sharegpt" and row["conversations"][-1].get("from") == "function_call":
            return of_contract.takes_call
        is_strict = self._contract.is_strict  # then the tool has another schema
        if offered is None or (of_contract.has_tools(row) and not is_strict):
            return of_contract.fitting
        schema = offered
        return lambda answer: schema.fits(answer) and of_contract.takes(answer)


def _anything(_: Any) -> bool:
    return True


def _is_said(item: Noted, noted: list[Noted]) -> bool:
    """Is a fault of the tool's schema one of the contract's, too?"""
    rule, path, message = item
    return rule == "tool-arguments-misfit" and ("answer-misfit", path, message) in noted


def _is_sound(row: dict[str, Any], noted: list[Noted], *, is_chat: bool) -> bool:
    """Can the row's parts be compared with those of a contract?"""
    if any(rule in ("preference-row", "duplicate-key") for rule, _, _ in noted):
        return False
    messages = row.get("messages")
    return not is_chat or (isinstance(messages, list) and messages != [])


def _is_within(path: str, gaps: Gaps) -> bool:
    return any(path.startswith(place) for place in gaps.places())
