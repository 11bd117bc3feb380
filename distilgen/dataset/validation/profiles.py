"""What each host wants of a training file, as far as it is published. Gathered in November 2026."""

from __future__ import annotations

from dataclasses import dataclass

MB, GB = 1024**2, 1024**3
CHAT, PROMPTS, TEXTS = "messages", "prompt-completion", "text"

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_PLAIN = frozenset({"system", "user", "assistant", "tool"})


@dataclass(frozen=True)
class Profile:
    """name: as --profile has it. source: where it is published. bom: must the file begin with a
    byte order mark? rows, most_rows: least and greatest number of rows. usual: bytes that the
    host's usual upload takes. most: bytes that it takes at all. formats: which rows, of CHAT,
    PROMPTS and TEXTS. roles: of messages. anyones_weight: may messages that are not the assistant's
    have a weight? system_first: may a system message only stand first? alternating: must user and
    assistant take turns? functions: does it document OpenAI's older functions? ends_with_text:
    should a row end with a text? call_id: length of the ids of tool calls; 0 for any.
    """

    name: str
    source: str
    bom: bool = False
    rows: int = 1
    most_rows: int | None = None
    usual: int | None = None
    most: int | None = None
    formats: frozenset[str] = frozenset({CHAT})
    roles: frozenset[str] = _PLAIN
    anyones_weight: bool = False
    system_first: bool = False
    alternating: bool = False
    functions: bool = False
    ends_with_text: bool = False
    call_id: int = 0

    def tokens(self, model: str | None) -> int | None:
        """The most tokens that a row of a model may have; None where nobody says."""
        if self.name not in ("openai", "azure"):
            return None
        base = (model or "").removeprefix("ft:")
        return 16_385 if base.startswith("gpt-3.5") else 65_536


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "openai", "https://platform.openai.com/docs/guides/supervised-fine-tuning",
            rows=10, usual=512 * MB, most=8 * GB, roles=_ROLES, functions=True,
        ),
        Profile(
            "azure", "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/fine-tuning",
            bom=True, rows=10, most=512 * MB, roles=_ROLES, functions=True,
        ),
        Profile(
            "nebius", "https://docs.tokenfactory.nebius.com/post-training/datasets",
            usual=5 * GB, most=50 * GB, formats=frozenset({CHAT, PROMPTS, TEXTS}),
            ends_with_text=True,
        ),
        Profile(
            "together", "https://docs.together.ai/docs/fine-tuning/data-preparation",
            most=100 * GB, formats=frozenset({CHAT, PROMPTS, TEXTS}), anyones_weight=True,
            system_first=True, alternating=True,
        ),
        Profile(
            "fireworks", "https://docs.fireworks.ai/fine-tuning/fine-tuning-models",
            rows=3, most_rows=3_000_000, anyones_weight=True, system_first=True,
        ),
        Profile(
            "mistral", "https://docs.mistral.ai/capabilities/finetuning/text_vision_finetuning",
            most=512 * MB, call_id=9,
        ),
    )
}  # fmt: skip
"""By name."""

LOCAL = Profile(
    "", "", formats=frozenset({CHAT, PROMPTS, TEXTS}), roles=_ROLES, anyones_weight=True,
    functions=True,
)  # fmt: skip
"""No host: rows that a trainer of one's own reads."""
