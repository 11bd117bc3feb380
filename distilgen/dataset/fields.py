"""Which members the arguments and results of a contract may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from distilgen.contract import Contract


def known(contract: Contract, whole: str) -> AbstractSet[str] | None:
    """The names of the members; None where it may have any, or is no object.

    whole: `arguments` or `result`.
    """
    if whole == "result" and contract.wraps_result:
        return None
    schema = contract.inputs if whole == "arguments" else contract.tool["parameters"]
    if "properties" not in schema or schema.get("additionalProperties"):
        return None
    names: AbstractSet[str] = schema["properties"].keys()
    return names


def has(contract: Contract, members: AbstractSet[tuple[str, str]]) -> bool:
    """May it have all of these? members: as `records.where.Path` names them."""
    found = ((known(contract, whole), name) for whole, name in members)
    return all(names is None or name in names for names, name in found)
