"""What callers are promised, statically: the same in every state of the modules."""

from typing import TYPE_CHECKING, Optional, assert_type

from post import decorated, functions as f, methods
from post.models import Email, Letter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from post.models import Late


async def use() -> None:
    """Never run."""
    assert_type(f.plain("a", 1, flag=True), Email)
    assert_type(f.optional("a"), Optional[Email])
    assert_type(f.union("a"), Email | Letter)
    assert_type(f.pair("a"), tuple[Email, Letter])
    assert_type(f.late("a"), "Late")
    assert_type(f.hidden("a", "b"), dict[str, Email])
    assert_type(f.stream("a"), "Iterator[Email]")
    assert_type(f.talking("a"), "Generator[Email, str, None]")
    assert_type(await f.waiting("a"), Email)
    assert_type(f.flowing("a"), "AsyncIterator[Email]")
    reply = methods.Reply(to="a")
    assert_type(reply.better("a"), methods.Reply)
    assert_type(methods.Reply.empty(), methods.Reply)
    shop = methods.Shop()
    assert_type(shop.method("a"), methods.Shop.Inner)
    assert_type(methods.Shop.of_class("a"), Email)
    assert_type(shop.static("a"), Email)
    assert_type(shop.said, Email)
    assert_type(shop.kept, Email)
    assert_type(await shop.waiting("a"), list[methods.Shop.Inner])
    assert_type(methods.Shop.Desk.paged("a"), methods.Page[Email])
    assert_type(decorated.twice("a"), Email)
    shop.said = Email(to="b")
