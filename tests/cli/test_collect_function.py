"""Which function `distilgen collect` means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen import project
from distilgen.cli import collect_function
from distilgen.cli.options import session
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distilgen.source.rows import Overview
    from tests.cli.conftest import Cli


def test_of_a_whole_name_its_module_alone_is_read(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise AssertionError

    contracts = []
    for _ in range(2):  # as it stands, and instrumented
        with monkeypatch.context() as patched, session(distilgen.folder) as current:
            patched.setattr(project, "walk", nothing)
            found = collect_function.function(current.project, "shop.mail:reply", quiet=True)
            contracts.append(collect_function.contract(current.project, found))
        assert distilgen("instrument", "--all", "--project", str(distilgen.folder)).code == 0
    assert contracts[0] == contracts[1]
    assert contracts[0].function == "shop.mail:reply"


def test_of_a_short_name_files_that_may_define_it_are_surveyed(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Iterable[object]] = []
    plain = project.Project.overviews

    def overviews(self: project.Project, paths: Iterable[object]) -> Iterable[Overview]:
        looked.append(paths)
        return plain(self, paths)  # type: ignore[arg-type]

    monkeypatch.setattr(project.Project, "overviews", overviews)
    distilgen.write({"other.py": "def replies(text): ...\n"})
    mail = distilgen.folder / "src/shop/mail.py"
    with session(distilgen.folder) as current:
        found = collect_function.function(current.project, "reply", quiet=True)
        assert found.name == "shop.mail:reply"
        assert looked == [[mail]]
        with pytest.raises(UsageError, match="no such function; did you mean reply"):
            collect_function.function(current.project, "replay", quiet=True)


def test_a_name_that_several_have_is_refused(distilgen: Cli) -> None:
    distilgen.write({"src/shop/post.py": distilgen.read("src/shop/mail.py")})
    with (
        session(distilgen.folder) as current,
        pytest.raises(UsageError, match=r"there are several: shop\.mail:reply, shop\.post:reply"),
    ):
        collect_function.function(current.project, "reply", quiet=True)
