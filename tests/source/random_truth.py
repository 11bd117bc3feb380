"""What the annotations of random projects are when the program runs. A program, one process for
many projects: reads [[import roots, modules in order], …] as JSON from standard input, and prints
{"failed": {module: error}, "functions": {"path:line": …}}, see benchmarks/truth_at_runtime.py.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import sys
import types
import typing
import warnings
from pathlib import Path
from typing import Any

_TRUTH = Path(__file__).parents[2] / "benchmarks/truth_at_runtime.py"


def _forget(event: str, arguments: object) -> None:
    """Types that are equal in two modules are not alike: `Optional["Item"]` means another one."""
    del arguments
    if event == "exec":
        for clear in getattr(typing, "_cleanups", ()):
            clear()


def _keep_apart() -> None:
    """Of a model that refers to itself, Pydantic hands out one reference, and writes into it what
    `Annotated` says of a use of it: what is true of one type would depend on those before it.
    """
    from pydantic._internal._generate_schema import GenerateSchema

    for name in ("_generate_schema_inner", "_generate_schema_from_property"):
        find = getattr(GenerateSchema, name, None)
        if find is not None:

            def apart(*args: Any, _find: Any = find) -> Any:
                schema = _find(*args)
                if schema is not None and schema["type"] == "definition-ref":
                    schema = {**schema, "metadata": {**schema.get("metadata", {})}}
                return schema

            setattr(GenerateSchema, name, apart)


def main() -> None:
    spec = importlib.util.spec_from_file_location("truth_at_runtime", _TRUTH)
    assert spec is not None
    assert spec.loader is not None
    truth = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(truth)
    truth._keep_order()
    _keep_apart()
    warnings.simplefilter("ignore")
    sys.addaudithook(_forget)
    failed: dict[str, str] = {}
    folders: list[str] = []
    for roots, modules in json.load(sys.stdin):
        sys.path[:0] = roots
        folders += (f"{root}{os.sep}" for root in roots)
        for name in modules:
            try:
                importlib.import_module(name)
            except Exception as error:  # noqa: BLE001 - whatever the module raises is the reason
                failed[name] = f"{type(error).__name__}: {error}"
        del sys.path[: len(roots)]
    functions: dict[str, Any] = {}
    lines: dict[str, dict[int, int]] = {}
    for item in gc.get_objects():
        if type(item) is not types.FunctionType or "return" not in item.__annotations__:
            continue
        file = item.__code__.co_filename
        if "<locals>" in item.__qualname__ or not file.startswith(tuple(folders)):
            continue
        if file not in lines:
            lines[file] = truth._lines_of_definitions(Path(file))
        line = lines[file].get(item.__code__.co_firstlineno)
        if line is not None and item.__globals__.get("__file__") == file:
            functions[f"{file}:{line}"] = truth._truth(item)
    print(json.dumps({"failed": failed, "functions": functions}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
