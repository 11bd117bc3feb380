"""Random projects, whose annotations take every road that a name can take.

`make(seed)` gives the files of one. Its modules stand in an order in which each needs only earlier
ones to be imported, but for cycles that Python survives. The generator knows what is in scope
where, and nothing of what distilgen makes of it.
"""

from __future__ import annotations

import builtins
import random
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PEP_695 = sys.version_info >= (3, 12)

_MODULES = (
    "models", "schemas", "base", "types", "typing", "json", "collections", "core", "api", "email",
    "utils", "v1", "entities",
)  # fmt: skip
_PACKAGES = ("sub", "inner", "web", "types", "json", "domain", "logging")
_RENAMED = ("X", "Y", "Item", "Page", "Model", "filter", "slice", "bytes", "_Hidden", "T", "Result")
_HEAD = """\
import abc
import contextlib
import dataclasses
import enum
import functools
import sys
import typing as t
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import (
    TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, Protocol,
    TypeAlias, TypeVar, Union, overload,
)

import pydantic
from pydantic import BaseModel, Field, RootModel, create_model
from typing_extensions import Self, TypedDict

_T0 = TypeVar("_T0")
"""


@dataclass(frozen=True)
class Symbol:
    """A type that has a name.

    text: how it is written. ok: Pydantic has a JSON schema for it. arity: so many types stand in
    its brackets. model: it can be a base class of a model.
    checking: it is bound for type checkers only. inside: what a class binds in its body.
    is_alias: its brackets are those of an alias.
    """

    text: str
    ok: bool = True
    arity: int = 0
    model: bool = False
    checking: bool = False
    inside: tuple[str, ...] = ()
    is_alias: bool = False


@dataclass
class Module:
    """One file. head: it is an `__init__` whose second half is yet to come."""

    name: str
    path: str
    is_package: bool
    future: bool
    lines: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    scope: dict[str, Symbol] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    exported: list[str] | None = None

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def text(self) -> str:
        start = ["from __future__ import annotations"] if self.future else []
        return "\n".join([*start, _HEAD, *self.lines, *self.tail, ""])

    def public(self) -> dict[str, Symbol]:
        """What a star import of it brings."""
        if self.exported is not None:
            return {name: self.scope[name] for name in self.exported}
        shown = self.scope.items()
        return {name: item for name, item in shown if name[0] != "_" and "." not in name}


@dataclass
class Project:
    """files: name and text. modules: dotted names, in an order in which they can be imported."""

    files: dict[str, str]
    modules: list[str]
    source: str


def make(seed: int) -> Project:
    """The random project of a seed. Its top-level packages have the seed in their names."""
    return _Maker(seed).project()


class _Maker:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.count = 0
        self.done: list[Module] = []
        self.spaces: set[str] = set()

    def project(self) -> Project:
        rng = self.rng
        source = rng.choice(["", "", "src/"])
        for place in range(rng.randint(1, 3)):
            self.package(f"p{self.seed}_{'abc'[place]}", source, depth=0)
        if rng.random() < 0.3:
            self.module(f"p{self.seed}_script", source)
        self.cycle()
        files = {item.path: item.text for item in self.done}
        files["pyproject.toml"] = ""
        return Project(files, [item.name for item in self.done], source)

    # -- packages and modules -------------------------------------------------------------------

    def package(self, name: str, source: str, depth: int) -> None:
        rng = self.rng
        init = None
        if rng.random() < 0.75:
            path = f"{source}{name.replace('.', '/')}/__init__.py"
            init = Module(name, path, is_package=True, future=rng.random() < 0.3)
            if rng.random() < 0.5:
                self.imports(init, rng.randint(0, 2))
                self.definitions(init, rng.randint(0, 3))
            self.done.append(init)
        names = rng.sample(_MODULES, rng.randint(1, 3))
        if depth < 2 and rng.random() < 0.5:
            names.insert(rng.randint(0, len(names)), "/" + rng.choice(_PACKAGES))
        for inner in names:
            if inner[0] != "/":
                self.module(f"{name}.{inner}", source)
            elif inner[1:] not in names:
                self.package(f"{name}.{inner[1:]}", source, depth + 1)
        if init:
            self.done.remove(init)
            self.done.append(init)
            start, init.lines = init.lines, []
            below = [item for item in self.done if item.name.startswith(f"{name}.")]
            for item in below:
                if rng.random() < 0.6:
                    self.import_from(init, item, rng.randint(1, 4))
            self.definitions(init, rng.randint(0, 1))
            self.functions(init, rng.randint(0, 3))
            init.lines = [*start, *init.lines]
            self.export(init)

    def module(self, name: str, source: str) -> None:
        rng = self.rng
        path = f"{source}{name.replace('.', '/')}.py"
        module = Module(name, path, is_package=False, future=rng.random() < 0.3)
        self.imports(module, rng.randint(0, 5))
        self.definitions(module, rng.randint(1, 6))
        self.rebinding(module)
        self.functions(module, rng.randint(2, 9))
        self.export(module)
        self.done.append(module)

    def export(self, module: Module) -> None:
        rng = self.rng
        names = [name for name, item in module.scope.items() if not item.checking]
        names = [name for name in names if name.isidentifier()]
        if rng.random() < 0.6 or not names:
            return
        chosen = rng.sample(names, rng.randint(1, len(names)))
        module.exported = chosen
        cut = rng.randint(0, len(chosen))
        first, rest = chosen[:cut], chosen[cut:]
        form = rng.choice(["plain", "tuple", "added", "extended", "appended", "annotated", "sum"])
        match form:
            case "plain":
                lines = [f"__all__ = {chosen!r}"]
            case "tuple":
                lines = [f"__all__ = {tuple(chosen)!r}"]
            case "added":
                lines = [f"__all__ = {first!r}", f"__all__ += {rest!r}"]
            case "extended":
                lines = [f"__all__ = {first!r}", f"__all__.extend({rest!r})"]
            case "appended":
                lines = ["__all__ = []", *(f"__all__.append({name!r})" for name in chosen)]
            case "annotated":
                lines = [f"__all__: list[str] = {chosen!r}"]
            case _:
                lines = [f"__all__ = {first!r} + {rest!r}"]
        module.lines += lines

    def cycle(self) -> None:
        """An earlier module imports a later one, at its end: what it needs is there."""
        rng = self.rng
        if rng.random() < 0.5 or len(self.done) < 2:
            return
        early, late = sorted(rng.sample(range(len(self.done)), 2))
        module, target = self.done[early], self.done[late]
        names = [name for name, item in target.scope.items() if not item.arity]
        if target.is_package or not names or target.name.startswith(f"{module.name}."):
            return
        name = rng.choice(names)
        alias = self.fresh("late")
        package, _, last = target.name.rpartition(".")
        if rng.random() < 0.5 or not package:
            module.tail.append(f"import {target.name} as {alias}")
        else:
            module.tail.append(f"from {package} import {last} as {alias}")
        module.tail.append(f"def {self.fresh('f')}() -> '{alias}.{name}': ...")

    # -- imports --------------------------------------------------------------------------------

    def imports(self, module: Module, count: int) -> None:
        for _ in range(count):
            if self.done:
                self.import_from(module, self.rng.choice(self.done), self.rng.randint(1, 3))

    def import_from(self, module: Module, target: Module, count: int) -> None:
        rng = self.rng
        if target is module:
            return
        public = {name: item for name, item in target.scope.items() if not item.checking}
        if not public:
            return
        form = rng.choice(["from", "from", "from", "as", "star", "dotted", "module", "module as"])
        names = sorted(public)
        if form in ("from", "as"):
            names = [name for name in names if name.isidentifier()]
        names = rng.sample(names, min(count, len(names)))
        if form == "dotted" and target.name.partition(".")[0] == module.name.partition(".")[0]:
            form = "module as"  # no package has the name of a module that is still being imported
        where = self.spelled(module, target)
        match form:
            case "from" | "as":
                for name in names:
                    renamed = form == "as" or rng.random() < 0.2
                    bound = self.renamed(module, name) if renamed else name
                    self.bring(module, f"from {where} import", name, bound, public[name])
            case "star":
                if target.is_package and f"{module.name}.".startswith(f"{target.name}."):
                    return  # which has not yet said what it exports
                if (target.taken or target.is_package) and target.exported is None:
                    return  # it brings modules, which may hide others
                brought = {
                    name: item for name, item in target.public().items() if not item.checking
                }
                if any(name in module.scope for name in brought):
                    return
                module.lines.append(f"from {where} import *")
                module.scope |= brought
            case "dotted":
                module.lines.append(f"import {target.name}")
                self.attributes(module, target.name, target, names)
            case "module":
                package, _, last = target.name.rpartition(".")
                if not package or last in module.taken or last in _HEAD:
                    return
                if module.is_package and package != module.name:
                    return  # a submodule may be called like that: the order of imports tells which
                module.taken.add(last)
                relative = self.relative(module, package) if rng.random() < 0.6 else None
                module.lines.append(f"from {relative or package} import {last}")
                self.attributes(module, last, target, names)
            case _:
                alias = self.fresh("m")
                package, _, last = target.name.rpartition(".")
                if package and rng.random() < 0.5:
                    relative = self.relative(module, package) or package
                    module.lines.append(f"from {relative} import {last} as {alias}")
                else:
                    module.lines.append(f"import {target.name} as {alias}")
                self.attributes(module, alias, target, names)

    def attributes(self, module: Module, owner: str, target: Module, names: list[str]) -> None:
        for name in names:
            found = target.scope[name]
            text = f"{owner}.{name}"
            module.scope[text] = replace(found, text=text)
            if self.rng.random() < 0.3:
                alias = self.fresh("A")
                module.lines.append(f"{alias} = {text}")
                module.scope[alias] = replace(found, text=alias)

    def bring(self, module: Module, start: str, name: str, bound: str, found: Symbol) -> None:
        rng = self.rng
        if bound in module.used or bound in module.scope:
            return
        end = f"{name} as {bound}" if bound != name else name
        line = f"{start} {end}"
        symbol = replace(found, text=bound)
        forms = [*["plain"] * 5, "try", "tried", "version", "old"]
        if not hasattr(builtins, bound):  # else that is what it is when the program runs
            forms.append("checking")
        match rng.choice(forms):
            case "checking":
                guard = rng.choice(["TYPE_CHECKING", "t.TYPE_CHECKING"])
                module.lines += [f"if {guard}:", f"    {line}"]
                symbol = replace(symbol, checking=True)
            case "try":
                gone = rng.choice(["gone_package", f"{start.split()[1].lstrip('.') or 'x'}_gone"])
                lines = ["try:", f"    from {gone} import {end}", "except ImportError:"]
                module.lines += [*lines, f"    {line}"]
            case "tried":
                module.lines += [
                    "try:",
                    f"    {line}",
                    "except ImportError:",
                    f"    {bound} = None",
                ]
            case "version":
                module.lines += ["if sys.version_info >= (3, 9):", f"    {line}", "else:"]
                module.lines.append(f"    {bound} = None")
            case "old":
                module.lines += ["if sys.version_info < (3, 9):", f"    {bound} = object"]
                module.lines += ["else:", f"    {line}"]
            case _:
                module.lines.append(line)
        module.scope[bound] = symbol

    def renamed(self, module: Module, name: str) -> str:
        free = [item for item in _RENAMED if item not in module.scope and item not in module.used]
        return self.rng.choice(free) if free else name

    def spelled(self, module: Module, target: Module) -> str:
        """The module as an import statement names it."""
        relative = self.relative(module, target.name) if self.rng.random() < 0.5 else None
        return relative or target.name

    def relative(self, module: Module, target: str) -> str | None:
        here, there = module.package.split("."), target.split(".")
        if not module.package or here[0] != there[0]:
            return None
        shared = 0
        while shared < min(len(here), len(there)) and here[shared] == there[shared]:
            shared += 1
        return "." * (len(here) - shared + 1) + ".".join(there[shared:])

    # -- definitions ----------------------------------------------------------------------------

    def fresh(self, start: str) -> str:
        self.count += 1
        return f"{start}{self.count}"

    def definitions(self, module: Module, count: int) -> None:
        makers: list[Callable[[Module], None]] = [
            self.model, self.model, self.model, self.model, self.plain, self.protocol,
            self.enumeration, self.data, self.data, self.typed_dict, self.named_tuple, self.root,
            self.generic, self.generic, self.specialised, self.made, self.new_type, self.alias,
            self.alias, self.alias, self.generic_alias, self.variable, self.conditional,
        ]  # fmt: skip
        if _PEP_695:
            makers += [self.new_generic, self.type_statement, self.type_statement]
        for _ in range(count):
            self.rng.choice(makers)(module)

    def model(self, module: Module) -> None:
        rng = self.rng
        name = self.fresh(rng.choice(["M", "M", "_M"]))
        bases = [i for i in module.scope.values() if i.model and not i.checking and not i.arity]
        base = rng.choice(bases).text if bases and rng.random() < 0.5 else "BaseModel"
        base = rng.choice([base, base, "pydantic.BaseModel"]) if base == "BaseModel" else base
        self.use(module, base)
        lines = [f"class {name}({base}):", f"    '''What {name} is.'''"]
        inside = []
        nested = None
        if rng.random() < 0.3:
            inner = rng.choice(["Inner", "Config1", self.fresh("In")])
            kind = rng.choice(["BaseModel", "str, enum.Enum", ""])
            head = f"    class {inner}({kind}):" if kind else f"    class {inner}:"
            body = "        A = 'a'" if "Enum" in kind else "        a: int = 1"
            lines += [head, body]
            nested = Symbol(f"{name}.{inner}", bool(kind))
            if kind:
                lines.append(f"    {self.fresh('x')}: {rng.choice([inner, f'list[{inner}]'])}")
                inside.append(inner)
        lines += self.fields(module, rng.randint(0, 3), own=name)
        lines += self.methods(module, name, rng.choice([0, 0, 1, 2]), tuple(inside))
        module.lines += lines
        module.scope[name] = Symbol(name, model=True, inside=tuple(inside))
        if nested:
            module.scope[nested.text] = nested

    def fields(
        self, module: Module, count: int, *, own: str = "", default: bool = False, ok: bool = True
    ) -> list[str]:
        rng = self.rng
        lines = []
        for _ in range(count):
            text, _ok = self.type_(module, 2, ok=ok)
            if own and rng.random() < 0.15:
                lines.append(f"    {self.fresh('x')}: 'list[{own}]' = []")
                continue
            if rng.random() < 0.15 and "'" not in text:
                text = repr(text)
            lines.append(f"    {self.fresh('x')}: {text}" + (" = None" if default else ""))
        return lines or ["    pass"]

    def methods(
        self, module: Module, owner: str, count: int, inside: tuple[str, ...] = ()
    ) -> list[str]:
        lines: list[str] = []
        for _ in range(count):
            own = self.rng.choice([owner, *inside, *(["Self"] if self.rng.random() < 0.5 else [])])
            lines += self.function(module, "    ", owner=own)
        return lines

    def plain(self, module: Module) -> None:
        name = self.fresh("C")
        base = self.rng.choice(["", "(abc.ABC)", "(Generic[_T0])", "(object)"])
        lines = [f"class {name}{base}:", "    a: int = 1"]
        arity = 1 if "_T0" in base else 0
        module.lines += lines + self.methods(module, name, self.rng.randint(0, 3))
        module.scope[name] = Symbol(name, ok=False, arity=arity)

    def protocol(self, module: Module) -> None:
        name = self.fresh("P")
        lines = [f"class {name}({self.rng.choice(['Protocol', 't.Protocol'])}):", "    a: int"]
        module.lines += lines + self.methods(module, name, self.rng.randint(0, 2))
        module.scope[name] = Symbol(name, ok=False)

    def enumeration(self, module: Module) -> None:
        name = self.fresh("E")
        base = self.rng.choice(["enum.Enum", "str, enum.Enum", "enum.StrEnum"])
        module.lines += [f"class {name}({base}):", "    A = 'a'", "    B = 'b'"]
        module.scope[name] = Symbol(name)

    def data(self, module: Module) -> None:
        rng = self.rng
        name = self.fresh("D")
        kind = rng.choice(
            ["dataclasses.dataclass", "dataclasses.dataclass(frozen=True)",
             "pydantic.dataclasses.dataclass"]
        )  # fmt: skip
        pydantic = kind.startswith("pydantic")
        ok = pydantic or rng.random() < 0.7
        lines = self.fields(module, rng.randint(1, 3), ok=ok)
        module.lines += [f"@{kind}", f"class {name}:", *lines]
        module.scope[name] = Symbol(name, ok=ok)

    def typed_dict(self, module: Module) -> None:
        name = self.fresh("TD")
        total = self.rng.choice(["", ", total=False"])
        lines = self.fields(module, self.rng.randint(1, 3))
        module.lines += [f"class {name}(TypedDict{total}):", *lines]
        module.scope[name] = Symbol(name)

    def named_tuple(self, module: Module) -> None:
        name = self.fresh("NT")
        module.lines += [f"class {name}(NamedTuple):", *self.fields(module, 2)]
        module.scope[name] = Symbol(name)

    def root(self, module: Module) -> None:
        name = self.fresh("R")
        text, _ = self.type_(module, 1, ok=True)
        if self.rng.random() < 0.5:
            module.lines += [f"class {name}(RootModel[{text}]):", "    pass"]
            module.scope[name] = Symbol(name)
        else:
            module.lines.append(f"{name} = RootModel[{text}]")
            module.scope[name] = Symbol(name)

    def generic(self, module: Module) -> None:
        rng = self.rng
        name = self.fresh("G")
        base = rng.choice(["BaseModel", "BaseModel", "pydantic.BaseModel"])
        variables = ["_T0"]
        if rng.random() < 0.3:
            other = self.fresh("V")
            module.lines.append(f"{other} = TypeVar({other!r})")
            variables.append(other)
        lines = [f"class {name}({base}, Generic[{', '.join(variables)}]):"]
        lines += [f"    a{place}: {rng.choice([v, f'list[{v}]', f'{v} | None'])}"
                  for place, v in enumerate(variables)]  # fmt: skip
        module.lines += lines + self.fields(module, rng.randint(0, 1))
        module.scope[name] = Symbol(name, arity=len(variables))

    def new_generic(self, module: Module) -> None:
        name = self.fresh("G")
        base = self.rng.choice(["(BaseModel)", ""])
        bound = self.rng.choice(["", "", ": BaseModel", ": (int, str)"]) if base else ""
        module.lines += [f"class {name}[N{bound}]{base}:", "    a: N" if base else "    pass"]
        module.scope[name] = Symbol(name, ok=bool(base) and not bound, arity=1)

    def specialised(self, module: Module) -> None:
        generics = [
            item
            for item in module.scope.values()
            if item.arity and item.ok and not item.checking and not item.is_alias
        ]
        if not generics:
            return
        base = self.rng.choice(generics)
        self.use(module, base.text)
        name = self.fresh("S")
        inner = ", ".join(self.type_(module, 1, ok=True)[0] for _ in range(base.arity))
        module.lines += [f"class {name}({base.text}[{inner}]):", *self.fields(module, 1)]
        module.scope[name] = Symbol(name)

    def made(self, module: Module) -> None:
        name = self.fresh("K")
        text, _ = self.type_(module, 1, ok=True)
        function = self.rng.choice(["create_model", "pydantic.create_model"])
        module.lines.append(f"{name} = {function}({name!r}, a=({text}, ...))")
        module.scope[name] = Symbol(name, model=True)

    def new_type(self, module: Module) -> None:
        name = self.fresh("N")
        text, ok = self.type_(module, 1)
        module.lines.append(f"{name} = NewType({name!r}, {text})")
        module.scope[name] = Symbol(name, ok)

    def alias(self, module: Module) -> None:
        rng = self.rng
        name = self.fresh(rng.choice(["A", "A", "_A"]))
        text, ok = self.type_(module, 2)
        note = rng.choice(["", "", ": TypeAlias", ": t.TypeAlias"])
        if rng.random() < 0.1 and note and "'" not in text:
            module.lines.append(f"{name}{note} = {text!r}")
            module.scope[name] = Symbol(name, ok, checking=True)
            return
        module.lines.append(f"{name}{note} = {text}")
        module.scope[name] = Symbol(name, ok)

    def generic_alias(self, module: Module) -> None:
        name = self.fresh("GA")
        text, _ = self.type_(module, 0, ok=True)
        form = self.rng.choice([
            "tuple[_T0, _T0]", "dict[str, _T0]", "list[_T0]", "Optional[_T0]", "_T0 | None",
            f"tuple[_T0, {text}]", "Annotated[_T0, 'x']",
            "Annotated[list[_T0], Field(min_length=1)]",
        ])  # fmt: skip
        module.lines.append(f"{name} = {form}")
        module.scope[name] = Symbol(name, arity=1, is_alias=True)

    def type_statement(self, module: Module) -> None:
        name = self.fresh("L")
        if self.rng.random() < 0.3:
            form = self.rng.choice(["list[N]", "dict[str, N]", "tuple[N, int]", "N | None"])
            module.lines.append(f"type {name}[N] = {form}")
            module.scope[name] = Symbol(name, arity=1, is_alias=True)
            return
        text, ok = self.type_(module, 2)
        module.lines.append(f"type {name} = {text}")
        module.scope[name] = Symbol(name, ok)

    def variable(self, module: Module) -> None:
        name = self.fresh("V")
        text, _ = self.type_(module, 0)
        form = self.rng.choice([f"bound={text}", f"{text}, int", ""])
        module.lines.append(f"{name} = TypeVar({name!r}{', ' if form else ''}{form})")
        module.scope[name] = Symbol(name, ok=False)

    def conditional(self, module: Module) -> None:
        name = self.fresh("M")
        first = [f"    class {name}(BaseModel):", "        a: int"]
        second = [f"    class {name}(BaseModel):", "        b: str"]
        start, other = self.rng.choice([
            ("if sys.version_info >= (3, 9):", "else:"),
            ("if sys.version_info < (3, 9):", "else:"),
            ("if sys.platform == 'none':", "elif True:"),
            ("try:", "except ImportError:"),
        ])  # fmt: skip
        module.lines += [start, *first, other, *second]
        module.scope[name] = Symbol(name, model=True)

    def rebinding(self, module: Module) -> None:
        """A name that is bound anew before anything uses it."""
        rng = self.rng
        names = [n for n in module.scope if n.isidentifier() and n not in module.used]
        if not names or rng.random() < 0.7:
            return
        name = rng.choice(names)
        old = module.scope[name]
        if old.inside or any(key.startswith(f"{name}.") for key in module.scope):
            return
        kind = rng.choice(["model", "plain", "class", "alias"])
        if kind == "model":
            module.lines += [f"class {name}(BaseModel):", "    again: int"]
            module.scope[name] = Symbol(name, model=True)
        elif kind == "class":
            module.lines += [f"class {name}:", "    again: int"]
            module.scope[name] = Symbol(name, ok=False)
        elif kind == "alias":
            text, ok = self.type_(module, 1, but=name)
            module.lines.append(f"{name} = {text}")
            module.scope[name] = Symbol(name, ok)
        else:
            module.lines.append(f"{name} = {rng.choice(['int', 'str', 'dict[str, int]'])}")
            module.scope[name] = Symbol(name)

    # -- types ----------------------------------------------------------------------------------

    def use(self, module: Module, text: str) -> None:
        module.used.add(text.partition(".")[0])

    def type_(
        self, module: Module, depth: int, *, ok: bool = False, checking: bool = False, but: str = ""
    ) -> tuple[str, bool]:
        """(a type expression, has it a schema). ok: it must have. checking: it is a string."""
        rng = self.rng
        form = rng.choice(_FORMS) if depth else "name"

        def inner(*, less: int = 1) -> tuple[str, bool]:
            return self.type_(module, depth - less, ok=ok, checking=checking, but=but)

        if form == "name":
            return self.named(module, depth, ok=ok, checking=checking, but=but)
        if form in ("literal", "annotated literal"):
            values = rng.sample(["'a'", "'b'", "1", "'M1'"], 2)
            return f"Literal[{', '.join(values)}]", True
        first, good = inner()
        if form in ("|", "union", "dict of", "pair"):
            second, better = inner()
            good = good and better
            if form == "|":
                return f"{first} | {second}", good
            text = {"union": "Union[{}, {}]", "dict of": "dict[str, tuple[{}, {}]]",
                    "pair": "tuple[{}, {}]"}[form]  # fmt: skip
            return text.format(first, second), good
        if form == "| None":
            return f"{first} | None", good
        return form.format(first), good

    def named(
        self, module: Module, depth: int, *, ok: bool, checking: bool, but: str
    ) -> tuple[str, bool]:
        rng = self.rng
        found = [
            item
            for name, item in module.scope.items()
            if (item.ok or not ok)
            and (not item.checking or checking)
            and (not item.arity or depth or not item.is_alias)
            and item.text.partition(".")[0] != but
        ]
        if not found or rng.random() < 0.15:
            return rng.choice(["int", "str", "date", "Decimal", "float", "bool", "t.Any"]), True
        item = rng.choice(found)
        self.use(module, item.text)
        good = item.ok
        if item.arity and depth:
            parts = [
                self.type_(
                    module, depth - 1, ok=ok or not item.is_alias, checking=checking, but=but
                )
                for _ in range(item.arity)
            ]
            good = good and all(part[1] for part in parts)
            return f"{item.text}[{', '.join(part[0] for part in parts)}]", good
        return item.text, good

    # -- functions ------------------------------------------------------------------------------

    def functions(self, module: Module, count: int) -> None:
        for _ in range(count):
            module.lines += self.function(module, "")

    def annotation(self, module: Module, owner: str) -> str:
        rng = self.rng
        quoted = module.future or rng.random() < 0.3
        text, _ = self.type_(module, rng.randint(0, 3), checking=quoted)
        if owner and rng.random() < 0.4:
            text = rng.choice([owner, owner, f"list[{owner}]", f"{owner} | None"])
            quoted = True
        if rng.random() < 0.05:
            text = rng.choice(["BaseModel", "pydantic.BaseModel", "None", "type[BaseModel]"])
        if quoted and not (module.future and rng.random() < 0.6):
            return repr(text)
        return text

    def function(self, module: Module, indent: str, *, owner: str = "") -> list[str]:
        rng = self.rng
        name = self.fresh("f")
        text = self.annotation(module, owner)
        kind = rng.choice(_METHODS if owner else _FUNCTIONS)
        parameters = ", ".join(
            f"{self.fresh('a')}: {self.type_(module, 1)[0]}" for _ in range(rng.randint(0, 2))
        )
        if owner and kind != "staticmethod":
            start = "cls" if kind == "classmethod" else "self"
            parameters = f"{start}, {parameters}" if parameters else start
        if kind in ("property", "cached"):
            parameters = "self"
        define = f"def {name}({parameters})"
        quoted = text[0] == text[-1] == "'" and text.count("'") == 2
        bare = text[1:-1] if quoted else text

        def wrapped(form: str) -> str:
            return repr(form.format(bare)) if quoted else form.format(text)

        lines: list[str]
        match kind:
            case "async":
                lines = [f"async {define} -> {text}: ..."]
            case "staticmethod" | "classmethod" | "property":
                lines = [f"@{kind}", f"{define} -> {text}: ..."]
            case "cached":
                lines = ["@functools.cached_property", f"{define} -> {text}: ..."]
            case "generator":
                form = rng.choice(["Iterator[{}]", "t.Generator[{}, None, None]", "t.Iterable[{}]"])
                lines = [f"{define} -> {wrapped(form)}:", "    yield"]
            case "async generator":
                form = rng.choice(["AsyncIterator[{}]", "AsyncGenerator[{}, None]"])
                lines = [f"async {define} -> {wrapped(form)}:", "    yield"]
            case "returned iterator":
                form = rng.choice(["Iterator[{}]", "t.Awaitable[{}]", "AsyncIterator[{}]",
                                   "t.Coroutine[Any, Any, {}]", "type[{}]", "t.Callable[[], {}]",
                                   "t.Iterable[{}]"])  # fmt: skip
                lines = [f"{define} -> {wrapped(form)}: ..."]
            case "nested":
                lines = [
                    f"{define} -> {text}:",
                    f"    def inner() -> {text}: ...",
                    "    return inner",
                ]
            case "overload":
                lines = ["@overload", f"def {name}(x: int) -> {text}: ...", "@overload",
                         f"def {name}(x: str) -> {text}: ...",
                         f"def {name}(x: Any) -> {text}: ..."]  # fmt: skip
            case "abstract":
                lines = ["@abc.abstractmethod", f"{define} -> {text}: ..."]
            case "context":
                lines = ["@contextlib.contextmanager", f"{define} -> {wrapped('Iterator[{}]')}:",
                         "    yield"]  # fmt: skip
            case "branches":
                lines = ["if sys.version_info >= (3, 9):", f"    {define} -> {text}: ...", "else:",
                         f"    {define} -> int: ..."]  # fmt: skip
            case "new variable" if _PEP_695:
                lines = [f"def {name}[N]({parameters}) -> {rng.choice(['N', 'list[N]'])}: ..."]
            case _:
                lines = [f"{define} -> {text}:", f"    '''Make a {name}.'''",
                         "    raise NotImplementedError"]  # fmt: skip
        return [indent + line for line in lines]


_FORMS = (
    "name", "name", "name", "|", "| None", "| None", "union", "dict of", "pair", "literal",
    "Optional[{}]", "Optional[{}]", "t.Optional[{}]", "list[{}]", "list[{}]", "t.List[{}]",
    "dict[str, {}]", "t.Dict[str, {}]", "Mapping[str, {}]", "Sequence[{}]", "tuple[{}, ...]",
    "Annotated[{}, 'told']", "Annotated[{}, Field(description='M1')]", "tuple[int, {}]",
    "t.Annotated[list[{}], Field(max_length=3)]",
)  # fmt: skip
_FUNCTIONS = (
    *["def"] * 6, "async", "generator", "async generator", "returned iterator", "nested",
    "overload", "context", "branches", "new variable",
)  # fmt: skip
_METHODS = (
    "def", "def", "async", "staticmethod", "classmethod", "property", "cached", "generator",
    "async generator", "returned iterator", "overload", "abstract", "nested",
)  # fmt: skip


if __name__ == "__main__":
    from pathlib import Path

    for file, content in make(int(sys.argv[1])).files.items():
        if len(sys.argv) > 2:
            place = Path(sys.argv[2], file)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, "utf-8")
        else:
            print(f"# --- {file}\n{content.replace(_HEAD, '')}")
