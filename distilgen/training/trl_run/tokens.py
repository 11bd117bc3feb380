"""Conversations as tokens, in the words of the model's own chat template, with labels on nothing
but the answer.

A server renders the question with the same template, and lets the model write from there: so the
question is rendered as a server does, and what the template writes behind it is the answer.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

IGNORED = -100
"""The label of a token that is not trained on. Source: PyTorch's cross entropy."""

_PROBE = "distilgen_probe"
_OTHER_FORM = "say --answers json-schema, or take a model whose template does"


@dataclass(frozen=True)
class Encoded:
    """A row. ids: its tokens. labels: the same, `IGNORED` for the question. unseen: the end of what
    a server asks, where the template writes it otherwise in front of an answer.
    """

    ids: list[int]
    labels: list[int]
    unseen: str = ""

    @property
    def answer(self) -> list[int]:
        """The tokens that are trained on."""
        return [label for label in self.labels if label != IGNORED]


@dataclass(frozen=True)
class Encoder:
    """tokenizer: a Hugging Face tokenizer with a chat template. tools: what the answers call. ends:
    the tokens that end an answer.
    """

    tokenizer: Any
    tools: Sequence[Mapping[str, Any]]
    ends: frozenset[int]

    def encode(self, row: Mapping[str, Any]) -> Encoded:
        """A row of `prompt` and `completion`. Raises TrainingError."""
        asked = self._render(row["prompt"], generate=True)
        whole = self._render([*row["prompt"], *row["completion"]])
        if whole.startswith(asked):
            question, unseen = self._tokens(asked), ""
            answer = self._tokens(whole[len(asked) :])
        else:
            question, answer, unseen = self._parted(asked, whole)
        answer = self._ended(answer)
        return Encoded(question + answer, [IGNORED] * len(question) + answer, unseen)

    def refuse_lossy(self, row: Mapping[str, Any]) -> None:
        """Raises TrainingError where the template leaves the tools, or what calls them, out."""
        if not self.tools:
            return
        if self._render(row["prompt"]) == self._render(row["prompt"], tools=()):
            raise TrainingError(f"its chat template writes no tools; {_OTHER_FORM}")
        probe = deepcopy(dict(row))
        for call in probe["completion"][0].get("tool_calls", ()):
            call["function"]["arguments"] = {_PROBE: _PROBE}
            text = self._render([*probe["prompt"], *probe["completion"]])
            if _PROBE not in text:
                raise TrainingError(f"its chat template writes no tool calls; {_OTHER_FORM}")

    def _render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        generate: bool = False,
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    list(messages),
                    tools=list(self.tools if tools is None else tools) or None,
                    add_generation_prompt=generate,
                    tokenize=False,
                )
            )
        except Exception as error:  # a template is a program of the model's author
            said = str(error) or type(error).__name__
            roles = ", ".join(
                "tool call" if message.get("tool_calls") else message["role"]
                for message in messages
            )
            other = _OTHER_FORM if "tool call" in roles else "take another model, or change it"
            raise TrainingError(
                f"its chat template refuses a conversation of {roles}: {said}; {other}"
            ) from error

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _parted(self, asked: str, whole: str) -> tuple[list[int], list[int], str]:
        """(question, answer, what is missing of the question), parted where their tokens do."""
        first, both = self._tokens(asked), self._tokens(whole)
        same = next(
            (
                place
                for place, pair in enumerate(zip(first, both, strict=False))
                if len({*pair}) > 1
            ),
            min(len(first), len(both)),
        )
        return both[:same], both[same:], str(self.tokenizer.decode(first[same:]))

    def _ended(self, answer: list[int]) -> list[int]:
        """The answer up to its end, which it gets where the template writes none."""
        last = max((place for place, token in enumerate(answer) if token in self.ends), default=-1)
        if last >= 0:
            return answer[: last + 1]
        return [*answer, self.tokenizer.eos_token_id]


def encoder_of(tokenizer: Any, tools: Sequence[Mapping[str, Any]], ends: Any) -> Encoder:
    """ends: as a generation config has them: a token, several, or None. Raises TrainingError."""
    if tokenizer.eos_token_id is None:
        raise TrainingError("its tokenizer has no end-of-sequence token: set eos_token in it")
    more = ends if isinstance(ends, list) else [] if ends is None else [ends]
    return Encoder(tokenizer, tools, frozenset({tokenizer.eos_token_id, *more}))


def encoded(encoder: Encoder, path: Path, longest: int | None) -> tuple[list[Encoded], int]:
    """(the rows of a file that are short enough, how many are not): a row that is cut would teach
    answers without an end. Raises TrainingError.
    """
    kept: list[Encoded] = []
    left_out = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            row = json.loads(line)
            if not number:
                encoder.refuse_lossy(row)
            made = encoder.encode(row)
            if longest and len(made.ids) > longest:
                left_out += 1
            else:
                kept.append(made)
    return kept, left_out
