"""How a model that was trained here is served by vLLM, and asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilgen.training.trl_run.folder import near
from distilgen.training.trl_run.process import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

URL = "http://localhost:8000/v1"
"""Where vLLM listens, if it is not told otherwise."""

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What `--max-lora-rank` takes. Source: vllm/config/lora.py."""


def command(config: Mapping[str, Any], model: Path) -> str:
    """The line that serves it."""
    name, said = config["model"], config["settings"]
    if said["method"] == "full":
        return shown(["vllm", "serve", near(model), "--served-model-name", name])
    rank = max(said["lora_rank"], said.get("more", {}).get("r", 0))
    served = next((allowed for allowed in _RANKS if allowed >= rank), rank)
    lora = [
        "--enable-lora",
        "--lora-modules",
        f"{name}={near(model)}",
        "--max-lora-rank",
        str(served),
    ]
    return shown(["vllm", "serve", near(config["base_model"]), *lora])


def advice(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What else the server needs."""
    if not config["settings"]["own_call"]:
        return ()
    said = (
        "its calls have the form of the model's chat template: add --enable-auto-tool-choice "
        "--tool-call-parser with the parser of the model's family"
    )
    return (said,)


def following(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments of `distilgen` that may come next."""
    name, function = config["model"], config["function"]
    server = f"--model {name} --base-url {URL}"
    return (
        f"evaluate {function} {server}",
        f"dispatch --all --only {function} {server} --answers {config['answers']}",
    )
