"""A running server of each kind, and the table of what they answered, which a run ends with."""

from __future__ import annotations

import statistics
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from real_server import KEY, KINDS, Kind, RealServer

from distilgen.errors import DispatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_answers: dict[tuple[str, str, str], list[tuple[str, float]]] = defaultdict(list)


@pytest.fixture(scope="session", params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(scope="session")
def server(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """One that runs, and is shared by the tests of its kind."""
    shared = RealServer(kind, tmp_path_factory.mktemp(kind.name) / "log")
    shared.start()
    yield shared
    shared.stop()


@pytest.fixture
def own_server(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """One that runs, and may be killed."""
    own = RealServer(kind, tmp_path_factory.mktemp(kind.name) / "log")
    own.start()
    yield own
    own.stop()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def counted(kind: Kind) -> Callable[..., Any]:
    """Makes a call and gives its value, or the error of ours that it ended with. Both are counted
    under the form of the answers and the kind of the type.
    """

    def call(answers: str, name: str, ask: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        try:
            value = ask()
        except DispatchError as error:
            status = getattr(error.__cause__, "status_code", None)
            value, said = error, str(getattr(error, "kind", f"status {status}"))
        else:
            said = "valid"
        _answers[kind.name, answers, name].append((said, time.perf_counter() - began))
        return value

    return call


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _answers:
        return
    terminalreporter.section("answers")
    terminalreporter.write_line("| server | `answers` | type | asked | valid | else | median ms |")
    terminalreporter.write_line("|---|---|---|---|---|---|---|")
    for (server, form, name), seen in _answers.items():
        said = Counter(what for what, _ in seen)
        others = ", ".join(f"{what} {n}" for what, n in said.most_common() if what != "valid")
        median = statistics.median(seconds for _, seconds in seen) * 1000
        terminalreporter.write_line(
            f"| {server} | {form} | {name} | {len(seen)} | {said['valid']} | {others} "
            f"| {median:.0f} |"
        )
