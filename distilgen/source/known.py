"""Names whose meaning is known unread: Pydantic's own and the standard library's."""

from __future__ import annotations

ROOT_MODELS = frozenset({"pydantic.RootModel", "pydantic.root_model.RootModel"})
MODELS = frozenset({
    "pydantic.BaseModel",
    "pydantic.main.BaseModel",
    *ROOT_MODELS,
    "pydantic_settings.BaseSettings",
    "pydantic_settings.main.BaseSettings",
    "sqlmodel.SQLModel",
    "sqlmodel.main.SQLModel",
})  # fmt: skip
DATACLASSES = frozenset({"pydantic.dataclasses.dataclass"})
FACTORIES = frozenset({"pydantic.create_model", "pydantic.main.create_model"})

# Classes and forms by the last part of their name, where it comes from the standard library.
UNIONS = frozenset({"Optional", "Union"})
STREAMS = frozenset(
    {"Iterator", "Generator", "Iterable", "AsyncIterator", "AsyncGenerator", "AsyncIterable"}
)
AWAITABLES = frozenset({"Awaitable", "Coroutine"})
CONTAINERS = frozenset({
    "list", "List", "Sequence", "MutableSequence", "Collection", "Iterable", "tuple", "Tuple",
    "set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet", "deque", "Deque",
    "dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict",
    "Counter", "Unpack",
})  # fmt: skip
FIRST_ONLY = frozenset({"Annotated", "Required", "NotRequired", "ReadOnly", "Final"})
PLAIN = frozenset({
    "str", "int", "float", "bool", "complex", "bytes", "None", "NoneType", "object", "Any",
    "date", "datetime", "time", "timedelta", "Decimal", "Fraction", "UUID", "Path",
    "PurePath", "Literal", "LiteralString", "Pattern", "IPv4Address", "IPv6Address",
    "IPv4Network", "IPv6Network", "NoReturn", "Never", "Hashable",
})  # fmt: skip
PLAIN_BASES = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
WITH_FIELDS = frozenset({"TypedDict", "NamedTuple"})
NO_FIELDS = frozenset({
    "typing.ClassVar", "typing_extensions.ClassVar", "dataclasses.KW_ONLY", "dataclasses.InitVar",
})  # fmt: skip
TYPE_VARIABLES = frozenset({"TypeVar", "ParamSpec", "TypeVarTuple"})
COLLECTIONS = frozenset({"conlist", "conset", "confrozenset"})
"""Functions of Pydantic's that make a constrained collection of their first argument."""

TYPING = frozenset({"typing", "typing_extensions", "types", "collections", "builtins"})
UNREAD = frozenset({"pydantic", "pydantic_core", "annotated_types", "typing_extensions"})
"""Packages whose names we know, and whose source says little: they fill their names at run time."""

LOADED = frozenset({
    "abc", "ast", "builtins", "calendar", "codecs", "collections", "contextlib", "copy",
    "dataclasses", "datetime", "decimal", "email", "enum", "functools", "importlib", "inspect",
    "io", "ipaddress", "json", "keyword", "math", "numbers", "operator", "os", "pathlib",
    "platform", "random", "re", "string", "sys", "time", "token", "tokenize", "types", "typing",
    "uuid", "warnings", "weakref", "zoneinfo",
})  # fmt: skip
"""Standard modules that are imported before any of a project's, so that none can take its name."""
