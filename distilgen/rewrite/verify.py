"""What every edit must keep: the module compiles, and nothing of the user's has changed."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import marks
from distilgen.source import files

if TYPE_CHECKING:
    from distilgen.source.files import SourceFile


def edited(source: SourceFile, found: marks.Marks, after: bytes) -> tuple[SourceFile, marks.Marks]:
    """The file as it is after an edit, and what of it is ours then.

    Raises SourceError when it would not compile, or when its syntax tree, without our nodes and
    without the bodies of the functions that are or were stubs, is another one.
    """
    path = source.path
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(after, str(path), "exec", dont_inherit=True)
        result = files.decode(after, path)
        now = marks.find(result.tree, path)
        stubs = _stubs(source.tree, found) | _stubs(result.tree, now)
        same = ast.dump(_theirs(source, stubs)) == ast.dump(_theirs(result, stubs))
    except (SyntaxError, ValueError, SourceError) as error:
        message = f"would not compile after the edit ({error}); left as it is"
        raise SourceError(path, message) from error
    if not same:
        raise SourceError(path, "the edit would change more than it should; left as it is")
    return result, now


def unused(source: SourceFile, found: marks.Marks) -> None:
    """The import of the sidecar can go. Raises SourceError where the user's own code needs it."""
    if not found.imports:
        return
    for node in ast.walk(_theirs(source, _stubs(source.tree, found))):
        if isinstance(node, ast.Name) and node.id == found.alias:
            message = f"{found.alias} is used here, and its import would go; take that out first"
            raise SourceError(source.path, message, line=node.lineno)


def _stubs(tree: ast.Module, found: marks.Marks) -> set[int]:
    """The places, in the order of the file, of the functions that are dispatched."""
    lines = {mark.function.lineno for mark in found.functions if mark.state == "dispatched"}
    return {place for place, (_, f) in enumerate(marks.functions(tree)) if f.lineno in lines}


def _theirs(source: SourceFile, stubs: set[int]) -> ast.Module:
    """The syntax tree without our nodes, and without the bodies of the functions at `stubs`."""
    tree = files.parse(source.raw, source.path)
    marks.strip(tree, source.path)
    for place, (_, function) in enumerate(marks.functions(tree)):
        if place in stubs:
            function.body = marks.docstring_and_rest(function)[0]
    return tree
