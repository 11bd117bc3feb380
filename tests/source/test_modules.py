"""Which module a file is, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen.source import modules
from distilgen.source.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Write = Callable[[Mapping[str, str | bytes]], Path]


@pytest.mark.parametrize(
    ("present", "path", "name", "root"),
    [
        pytest.param((), "app.py", "app", "", id="module at the root"),
        pytest.param(("shop/__init__.py",), "shop/mail.py", "shop.mail", "", id="in a package"),
        pytest.param(
            ("shop/__init__.py", "shop/web/__init__.py"),
            "shop/web/api.py",
            "shop.web.api",
            "",
            id="in a package of a package",
        ),
        pytest.param((), "shop/__init__.py", "shop", "", id="package"),
        pytest.param((), "shop/__main__.py", "shop.__main__", "", id="main of a folder"),
        pytest.param((), "shop/web/api.py", "shop.web.api", "", id="namespace package"),
        pytest.param(
            ("shop/web/__init__.py",), "shop/web/api.py", "shop.web.api", "", id="package in one"
        ),
        pytest.param(
            ("src/shop/__init__.py",), "src/shop/mail.py", "shop.mail", "src", id="below src"
        ),
        pytest.param(
            ("libs/core/pyproject.toml", "libs/core/shop/__init__.py"),
            "libs/core/shop/mail.py",
            "shop.mail",
            "libs/core",
            id="a project in the project",
        ),
        pytest.param(
            ("libs/core/src/shop/__init__.py",),
            "libs/core/src/shop/mail.py",
            "shop.mail",
            "libs/core/src",
            id="a src further down",
        ),
        pytest.param((), "my-tools/run.py", "run", "my-tools", id="script in no package's folder"),
        pytest.param(
            ("my-tools/kit/__init__.py",),
            "my-tools/kit/run.py",
            "kit.run",
            "my-tools",
            id="package in no package's folder",
        ),
        pytest.param(
            ("__init__.py", "shop/__init__.py"),
            "shop/mail.py",
            "shop.mail",
            "",
            id="a root is no package, though a file says so",
        ),
        pytest.param((), "__init__.py", "__init__", "", id="that file itself"),
        pytest.param(
            ("my-tools/__init__.py",), "my-tools/run.py", "run", "my-tools", id="no name to import"
        ),
    ],
)
def test_name_and_root_of_a_file(
    write_tree: Write, present: tuple[str, ...], path: str, name: str, root: str
) -> None:
    project = write_tree(dict.fromkeys(("pyproject.toml", path, *present), ""))
    roots = modules.import_roots(project)
    found = Index(tuple(roots)).name_of(project / path)
    assert found == (name, project / root)
    if found[1] in roots:
        assert modules.find(name, roots) == project / path


def test_a_file_below_no_root_is_a_script(write_tree: Write) -> None:
    project = write_tree({"here/pkg/__init__.py": "", "here/pkg/a.py": ""})
    elsewhere = [project / "other"]
    assert Index(tuple(elsewhere)).name_of(project / "here/pkg/a.py") == ("pkg.a", project / "here")


def test_import_roots(write_tree: Write) -> None:
    project = write_tree({"pyproject.toml": ""})
    assert modules.import_roots(project) == (project,)
    (project / "src").mkdir()
    assert modules.import_roots(project) == (project / "src", project)
    assert modules.import_roots(project, [project / "lib"]) == (project / "lib",)


def test_finds_as_python_does(write_tree: Write) -> None:
    root = write_tree(
        dict.fromkeys(["one/a.py", "one/a/__init__.py", "one/b.py", "two/b.py", "two/c/d.py"], "")
    )
    roots = [root / "one", root / "two"]
    assert modules.find("a", roots) == root / "one/a/__init__.py"  # the package wins
    assert modules.find("b", roots) == root / "one/b.py"  # the first root wins
    assert modules.find("c.d", roots) == root / "two/c/d.py"
    assert modules.find("c", roots) is None
    assert modules.is_namespace("c", roots)
    assert not modules.is_namespace("b", roots)
    assert modules.find("e", roots) is None


@pytest.mark.parametrize("name", ["", ".", ".b", "b.", "..b", "/b"])
def test_a_name_that_no_module_can_have_is_found_nowhere(write_tree: Write, name: str) -> None:
    root = write_tree({"one/b.py": "", "one/__init__.py": ""})
    assert modules.find(name, [root / "one"]) is None
    assert not modules.is_namespace(name, [root / "one"])


def test_the_standard_library_is_known() -> None:
    assert modules.is_standard("typing")
    assert modules.is_standard("collections.abc")
    assert not modules.is_standard("pydantic")
