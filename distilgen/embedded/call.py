"""One call, as the predictors of its fields look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

T = TypeVar("T")

Path: TypeAlias = tuple[str, ...]
"""Where a value stands in the arguments: keys of objects; `EACH` for all items of a list."""

EACH: Final = "*"

ANSWER: Final = "<answer>"
"""The first key of paths to fields of the answer, for predictors that look at those before them."""

ABSENT: Final = object()
"""There is nothing at a path."""


class Call:
    """arguments: JSON values by parameter, as records have them. What one predictor makes of them,
    such as the words of a text, the others share.
    """

    __slots__ = ("_made", "arguments")

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = arguments
        self._made: dict[Hashable, Any] = {}

    def at(self, path: Path) -> Any:
        """The value at a path, a list of values behind `EACH`, or `ABSENT`."""
        if len(path) == 1:
            return self.arguments.get(path[0], ABSENT)
        return self.of(path, lambda: _at(self.arguments, path))

    def put(self, path: Path, value: Any) -> None:
        """Have a value stand at a path of two keys or more, in the place of what is there; behind
        `EACH`, the items of a list.
        """
        self._made[path] = value
        self._made[*path, EACH] = value if isinstance(value, list) else ABSENT

    def copy(self) -> Call:
        """The call, with what was made of it so far."""
        other = Call(self.arguments)
        other._made.update(self._made)
        return other

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is made once for the call, by its key."""
        try:
            return self._made[key]  # type: ignore[no-any-return]
        except KeyError:
            made = self._made[key] = make()
            return made


def _at(value: Any, path: Path) -> Any:
    for place, key in enumerate(path):
        if key == EACH:
            if not isinstance(value, list):
                return ABSENT
            found = (_at(item, path[place + 1 :]) for item in value)
            return [item for item in found if item is not ABSENT]
        if not isinstance(value, dict) or key not in value:
            return ABSENT
        value = value[key]
    return value
