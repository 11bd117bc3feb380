"""A dataset of any format as what TRL trains on: what the student is asked, and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilgen.contract import canonical_json
from distilgen.dataset import reading
from distilgen.errors import TrainingError
from distilgen.records.export import output
from distilgen.rows import FORMATS, answer_of, messages_of

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.training.provider import Dataset


def write(dataset: Dataset, taught: Contract, source: Path, target: Path, *, own_call: bool) -> int:
    """Write the rows of a split, a JSON object a line: `prompt` and `completion`, which are
    messages. Returns how many. Raises DatasetError, TrainingError.

    taught: the contract with its answers as they are to be taught. own_call: a tool's arguments
    stand in a call, which the chat template writes in its own form; else they are the answer's
    text, as vLLM has a student write a call that is forced. See
    https://docs.vllm.ai/en/latest/features/tool_calling/#named-function-calling.
    """
    count = 0
    with output(target, force=True) as file:
        for number, row in reading.rows(source, dataset.format, dataset.contract):
            try:
                made = _conversation(dataset, taught, row, own_call=own_call)
            except ValueError as error:
                raise TrainingError(
                    f"{source}:{number}: {error}; `distilgen dataset validate` tells more"
                ) from error
            file.write(canonical_json(made).encode() + b"\n")
            count += 1
    return count


def tools(contract: Contract) -> list[dict[str, Any]]:
    """What is called in the answers; nothing where they are text. Raises TrainingError."""
    try:
        return contract.tools() if contract.calls_tool else []
    except ValueError as error:
        raise TrainingError(f"{contract.function}: {error}") from error


def _conversation(
    dataset: Dataset, taught: Contract, row: dict[str, Any], *, own_call: bool
) -> dict[str, Any]:
    kept = "raw" if dataset.format in reading.TABLES else dataset.format
    result = answer_of(kept, dataset.contract, row)
    if own_call:  # the answer's message is the same whatever was asked
        answer = FORMATS["trl"](taught, {}, result)["messages"][-1]
    else:
        answer = {"role": "assistant", "content": taught.answer(result)}
    return {"prompt": messages_of(kept, dataset.contract, row), "completion": [answer]}
