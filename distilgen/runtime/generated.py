"""Functions that are generated to stand in the place of others: of their kind, with their
parameters.

They are generated because Python binds arguments to parameters faster than anything that we could
do with `*args` and `**kwargs`, and says itself what is wrong with them. In the texts, names that
are not the function's begin with `$`, which stands for a prefix that no parameter has.
"""

from __future__ import annotations

import functools
import inspect
import sys
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_FILE = "<recorded by distilgen>"

_MAKE = """\
def make({names}):
{body}
    return recorded
"""


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, without a look at what its annotations stand for."""
    if sys.version_info >= (3, 14):  # annotations are not to be evaluated
        import annotationlib  # noqa: PLC0415

        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)


def holes_of(signature: inspect.Signature, known: Collection[str]) -> dict[str, str]:
    """What to fill into a text. parameters: as a `def` lists them. arguments: as a call hands them
    on. given: a dictionary of the known ones. receiver: `self` or `cls`, where that is not known.
    """
    parameters, arguments = [], []
    kinds = [p.kind for p in signature.parameters.values()]
    for place, p in enumerate(signature.parameters.values()):
        stars = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        if p.kind is p.KEYWORD_ONLY and p.VAR_POSITIONAL not in kinds and "*" not in parameters:
            parameters.append("*")
        parameters.append(f"{stars}{p.name}")
        if p.kind is p.POSITIONAL_ONLY and p.kind not in kinds[place + 1 :]:
            parameters.append("/")
        arguments.append(f"{p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else f"{stars}{p.name}")
    first = next(iter(signature.parameters), None)
    return {
        "parameters": ", ".join(parameters),
        "arguments": ", ".join(arguments),
        "given": "{" + ", ".join(f'"{name}": {name}' for name in known) + "}",
        "receiver": first if first is not None and first not in known else "None",
    }


def generated(
    text: str,
    scope: Mapping[str, Any],
    function: Callable[..., Any],
    signature: inspect.Signature,
) -> Callable[..., Any]:
    """The function that a text defines by the name `recorded`, dressed as another one. scope: what
    the names with `$` stand for.
    """
    prefix = "_"
    while any(name.startswith(prefix) for name in signature.parameters):
        prefix += "_"
    body = "".join(f"    {line}\n" for line in text.splitlines())
    source = _MAKE.format(names=", ".join(f"${name}" for name in scope), body=body)
    space: dict[str, Any] = {}
    exec(_compiled(source.replace("$", prefix)), space)  # noqa: S102 - of the function's own names
    made = space["make"](**{f"{prefix}{name}": value for name, value in scope.items()})
    if isinstance(function, FunctionType):
        # Frameworks evaluate string annotations in the `__globals__` of what they are given. The
        # wrapper needs none of them: what it uses, it closes over.
        made = FunctionType(
            made.__code__, function.__globals__, function.__name__, closure=made.__closure__
        )
    given = signature.parameters.values()
    positional = (
        p.default for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    )
    made.__defaults__ = (
        tuple(default for default in positional if default is not inspect.Parameter.empty) or None
    )
    made.__kwdefaults__ = {
        p.name: p.default
        for p in given
        if p.kind is p.KEYWORD_ONLY and p.default is not inspect.Parameter.empty
    } or None
    return functools.wraps(function)(made)


def start_unseen(source: Any) -> Any:
    """The first step of an async generator that no event loop is to know: the loop closes ours,
    which closes this one, and would else close both at once.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return source.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


@functools.lru_cache(maxsize=256)
def _compiled(source: str) -> CodeType:
    return compile(source, _FILE, "exec")
