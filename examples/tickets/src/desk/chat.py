"""A chat model, wherever OPENAI_BASE_URL says that it is."""

import json
import os
from functools import cache
from typing import Any

from openai import OpenAI

MODEL = os.environ.get("DESK_MODEL", "gpt-4.1")


@cache
def _client() -> OpenAI:
    return OpenAI()


def ask(task: str, text: str) -> str:
    """What the model says."""
    return _asked(task, text)


def ask_json(task: str, text: str) -> dict[str, Any]:
    """The JSON object that the model says."""
    return json.loads(_asked(task, text, response_format={"type": "json_object"}))


def _asked(task: str, text: str, **form: Any) -> str:
    messages = [{"role": "system", "content": task}, {"role": "user", "content": text}]
    said = _client().chat.completions.create(model=MODEL, messages=messages, temperature=0, **form)
    return said.choices[0].message.content or ""
