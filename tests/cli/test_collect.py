"""`collect` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai_server import OpenAIServer, Response, completion

from distilgen.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openai_server import Request
    from postgres_server import PostgresServer

    from tests.cli.conftest import Cli

WORK = '''\
"""Work."""

import asyncio
import sys
import time
from pathlib import Path

from shop.models import Email


def slow(n: int) -> Email:
    """Take a while."""
    time.sleep(0.01)
    if n % 100 == 7:
        raise ValueError(f"bad {n}")
    return Email(to=str(n), urgent=False)


async def aslow(n: int) -> Email:
    """Take a while."""
    await asyncio.sleep(0.01)
    return slow(n) if n % 100 == 7 else Email(to=str(n), urgent=False)


async def hangs(n: int) -> Email:
    """Take for ever."""
    Path("up").touch()
    await asyncio.sleep(3_600)
    return Email(to=str(n), urgent=False)


def where(n: int) -> Email:
    """Say who runs this."""
    return Email(to=sys.prefix, urgent=False)
'''


@pytest.fixture(autouse=True)
def _no_module_stays() -> Iterator[None]:
    """The modules of one test's project are not the next one's."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] == "shop":
            del sys.modules[name]


@pytest.fixture
def work(distilgen: Cli) -> Cli:
    """A project with slow functions, and a file of 1,000 numbers."""
    distilgen.write({
        "src/shop/work.py": WORK,
        "n.jsonl": "".join(f'{{"n": {number}}}\n' for number in range(1_000)),
    })  # fmt: skip
    return distilgen


def recorded(folder: Path) -> list[dict[str, Any]]:
    """The whole records of a folder."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # its writer was killed
                continue
    return found


def places(distilgen: Cli) -> Path:
    return distilgen.folder / ".distilgen/records"


def process(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command line in a process of its own."""
    known = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    return subprocess.Popen(
        [sys.executable, "-m", "distilgen", "collect", *arguments],
        cwd=folder,
        env={**known, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """(exit code, standard error) of a process."""
    child = process(folder, *arguments, **environment)
    _, said = child.communicate(timeout=120)
    return child.returncode, said


def wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


CSV = """\
text,ignored
Ann!,1
"Bob
writes",2
Ann!,3
"""


def test_rows_become_calls_and_calls_become_records(distilgen: Cli) -> None:
    distilgen.write({"letters.csv": CSV})
    ran = distilgen("collect", "reply", "--inputs", "letters.csv")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "not used: column ignored\n"
        "shop.mail:reply: 2 calls returned; 1 repeated; records are in .distilgen/records\n"
    )
    found = {r["arguments"]["text"]: r["result"] for r in recorded(places(distilgen))}
    assert found == {
        "Ann!": {"to": "Ann!", "urgent": True},
        "Bob\nwrites": {"to": "Bob", "urgent": False},
    }
    assert "src/shop/_mail_distil.py" not in distilgen.snapshot()


def test_an_instrumented_function_is_recorded_once_by_its_contract(distilgen: Cli) -> None:
    distilgen.write({"letters.txt": "Ann!\nBob\n"})
    assert distilgen("collect", "shop.mail:reply", "--inputs", "letters.txt", "-q").err == ""
    assert distilgen("instrument", "--all", "-q").code == 0
    for name in [name for name in sys.modules if name.startswith("shop")]:
        del sys.modules[name]
    ran = distilgen("collect", "shop.mail:reply", "--inputs", "letters.txt")
    assert "0 calls returned; 2 done before" in ran.err  # the contract is the same
    distilgen.write({"letters.txt": "Cleo\n"})
    assert distilgen("collect", "reply", "--inputs", "letters.txt").code == 0
    assert len(recorded(places(distilgen))) == 3
    assert distilgen("dataset", "build").code == 0


def test_inputs_that_do_not_fit_are_told_and_the_others_run(distilgen: Cli) -> None:
    distilgen.write({"a.jsonl": '{"text": "Ann"}\n{"text": 5}\nno\n{}\n'})
    ran = distilgen("collect", "reply", "--inputs", "a.jsonl", "--failures", "wrong.jsonl")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "a.jsonl:2: text: input should be a valid string; 5 is no str",
        "a.jsonl:3: is no JSON (Expecting value: line 1 column 1 (char 0))",
        "a.jsonl:4: text: is missing",
        "shop.mail:reply: 1 call returned; 3 refused; records are in .distilgen/records",
    ]
    assert json.loads(distilgen.read("wrong.jsonl")) == {
        "text": 5,
        "$origin": "a.jsonl:2",
        "$error": {
            "type": "refused",
            "message": "text: input should be a valid string; 5 is no str",
        },
    }


SLOW = (
    "shop.work:slow: 247 calls returned; 3 failed; records are in .distilgen/records; stopped at "
    "--limit; the next run goes on behind"
)


def test_failures_are_inputs_again(work: Cli) -> None:
    ran = work("collect", "slow", "--inputs", "n.jsonl", "--failures", "f.jsonl", "--limit", "250")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "n.jsonl:8: ValueError: bad 7",
        "n.jsonl:108: ValueError: bad 107",
        "n.jsonl:208: ValueError: bad 207",
        SLOW,
    ]
    work.write({"src/shop/work.py": WORK.replace("== 7", "== 8")})
    del sys.modules["shop.work"]
    assert "3 calls returned" in work("collect", "slow", "--inputs", "f.jsonl").err
    refused = work("collect", "slow", "--inputs", "n.jsonl", "--failures", "f.jsonl")
    assert (refused.code, "say --force" in refused.err) == (2, True)


def test_a_teacher_that_is_broken_is_not_asked_for_ever(work: Cli) -> None:
    work.write({"src/shop/work.py": WORK.replace("== 7", "> -1")})
    ran = work("collect", "slow", "--inputs", "n.jsonl", "--max-failures", "5")
    assert ran.code == 123
    assert "distilgen: stopped: 5 of 5 calls failed" in ran.err.replace("8 of 8", "5 of 5")
    ran = work("collect", "slow", "--inputs", "n.jsonl", "--limit", "12")
    assert ran.code == 123
    assert "and 2 more; --failures FILE has all of them" in ran.err
    assert ran.err.endswith("distilgen: no input gave a result\n")


def test_inputs_are_looked_for_before_the_project_is(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "at", None)
    for said in (("--inputs", "no.csv"), ("--documents", "no")):
        ran = distilgen("collect", "reply", *said)
        assert (ran.code, "there is no such file or folder" in ran.err) == (2, True)


def test_a_file_of_a_folder_that_cannot_be_read_is_listed(distilgen: Cli) -> None:
    distilgen.write({"in/a.txt": "Ann\n", "in/c.txt": "Cleo\n", "in/d.json": "{"})
    (distilgen.folder / "in/b.txt").write_bytes(b"Bob\n\0")
    ran = distilgen("collect", "reply", "--inputs", "in")
    assert ran.code == 1
    assert "in/b.txt:2: is binary, not text\nin/d.json: is no JSON (" in ran.err.replace("\\", "/")
    assert "3 calls returned; 2 refused" in ran.err
    ran = distilgen("collect", "reply", "--inputs", "in/b.txt")
    assert (ran.code, "b.txt:2: is binary, not text" in ran.err) == (123, True)


def test_keys_that_nobody_wants_are_told_at_the_end(distilgen: Cli) -> None:
    distilgen.write({"a.jsonl": '{"text": "Ann"}\n{"text": "Bob", "lnag": "de"}\n'})
    ran = distilgen("collect", "reply", "--inputs", "a.jsonl")
    assert (ran.code, ran.err.splitlines()[0]) == (0, "not used: key lnag in a.jsonl:2")


def test_columns_and_constants(distilgen: Cli) -> None:
    distilgen.write({"a.csv": "who\nAnn\n"})
    ran = distilgen("collect", "reply", "--inputs", "a.csv", "--map", "text=who")
    assert ran.code == 0
    ran = distilgen("collect", "reply", "--inputs", "a.csv", "--set", "text=Bob!", "-q")
    assert [r["arguments"]["text"] for r in recorded(places(distilgen))] == ["Ann", "Bob!"]


def test_inputs_are_made_of_types(distilgen: Cli) -> None:
    distilgen.write({"src/shop/mail.py": distilgen.read("src/shop/mail.py").replace(
        "text.split()[0]", "text[:1]")})  # fmt: skip
    for count, said in ((20, "20 calls returned;"), (25, "5 calls returned; 20 done before;")):
        ran = distilgen("collect", "reply", "--generate", str(count), "--seed", "3")
        assert (ran.code, said in ran.err) == (0, True), ran.err
    assert len({r["arguments"]["text"] for r in recorded(places(distilgen))}) == 25


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["reply"], 2, "which inputs? Say --inputs or --generate"),
        (["reply", "--inputs", "a.txt", "--generate", "3"], 2, "--inputs and --generate: say one"),
        (["reply", "--inputs", "no.csv"], 2, "no.csv: there is no such file or folder"),
        (["reply", "--inputs", "."], 123, "there is no column for text"),
        (["replay", "--inputs", "a.txt"], 2, "replay: no such function; did you mean reply?"),
        (["no.such:f", "--inputs", "a.txt"], 2, "no module no.such"),
        (["shop.mail:subject", "--inputs", "a.txt"], 2, "cannot be recorded: "),
        (["reply", "--inputs", "a.txt", "--map", "x=y"], 2, "--map x: no such parameter"),
        (["reply", "--inputs", "a.txt", "--set", "text=5"], 2, "--set text: input should be"),
        (["reply", "--inputs", "a.txt", "--rate", "fast"], 2, "'fast' is no rate"),
        (["reply", "--inputs", "a.txt", "--max-failures", "x"], 2, "neither a number of calls"),
        (["reply", "--inputs", "a.txt", "--max-failures", "0"], 2, "neither a number of calls"),
        (["reply", "--inputs", "a.txt", "--retry-on", "E"], 2, "say how often by --retries"),
        (["reply", "--inputs", "a.txt", "--timeout", "5"], 2, "a thread cannot be stopped"),
        (["reply", "--inputs", "a.txt", "--timeout", "nan"], 2, "nan is no time that"),
        (["reply", "--inputs", "a.txt", "--timeout", "inf"], 2, "inf is no time that"),
        (["reply", "--inputs", "a.txt", "--timeout", "0"], 2, "0 is no time that"),
        (["reply", "--inputs", "a.txt", "--rate", "nan/s"], 2, "'nan/s' is no rate"),
        (["reply", "--inputs", "a.txt", "--max-failures", "nan%"], 2, "neither a number of"),
        (["reply", "--inputs", "a.txt", "--max-failures", "5%5"], 2, "neither a number of"),
        (["reply", "--inputs", "a.txt", "--retries", "1", "--retry-on", "ValuError"], 2,
         "of Python's own or of shop.mail; did you mean ValueError?"),
        (["reply", "--inputs", "a.txt", "--force"], 2, "--force is of --failures"),
        (["reply", "--generate", "5", "--input-format", "csv"], 2, "is of --inputs"),
        (["reply", "--generate", "5", "--map", "text=a"], 2, "or --from, not of --generate"),
        (["reply", "--generate", "5", "--set", "x=1"], 2, "--set x: no such parameter"),
        (["reply", "--inputs", "a.txt", "--seed", "0"], 2, "--seed is of --generate"),
        (["reply", "--inputs", "a.txt", "--map", "text=a", "--set", "text=b"], 2,
         "text: is both in --map and in --set"),
        (["reply", "--inputs", "a.txt", "--failures", "a.txt", "--force"], 2,
         "--failures a.txt: would be among the inputs"),
        (["reply", "--inputs", ".", "--failures", "f.jsonl"], 2, "would be among the inputs"),
        (["reply", "--inputs", "empty.csv"], 123, "there were no inputs"),
        (["reply", "--inputs", "a.txt", "--records", "logging:x"], 2, "cannot be read back"),
        (["reply", "--inputs", "a.txt", "--python", "no/python"], 2, "cannot run the interpreter"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    distilgen: Cli, arguments: Sequence[str], code: int, message: str
) -> None:
    distilgen.write({"a.txt": "Ann\n", "empty.csv": "", "z.jsonl": '{"q": 1}\n'})
    ran = distilgen("collect", *arguments)
    assert (ran.code, message in ran.err) == (code, True), ran.err


def test_a_module_that_cannot_be_imported_shows_its_own_lines(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"a.txt": "Ann\n", "src/shop/mail.py": text + "\nimport nowhere_at_all\n"})
    ran = distilgen("collect", "reply", "--inputs", "a.txt")
    assert ran.code == 123
    lines = ran.err.splitlines()
    assert lines[:2] == [
        "distilgen: shop.mail cannot be imported:",
        "Traceback (most recent call last):",
    ]
    assert lines[2].endswith('mail.py", line 16, in <module>')
    assert lines[-1] == "ModuleNotFoundError: No module named 'nowhere_at_all'"
    assert "importlib" not in ran.err


def test_every_call_is_recorded_whatever_the_environment_samples(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    distilgen.write({"a.txt": "".join(f"n{number}\n" for number in range(50))})
    monkeypatch.setenv("DISTILGEN_SAMPLE", "0.01")
    monkeypatch.setenv("DISTILGEN_BUDGET", "3")
    assert distilgen("collect", "reply", "--inputs", "a.txt", "--records", "other").code == 0
    assert len(recorded(distilgen.folder / "other")) == 50
    monkeypatch.setenv("DISTILGEN_DISABLED", "1")
    ran = distilgen("collect", "reply", "--inputs", "a.txt")
    assert (ran.code, "DISTILGEN_DISABLED is set" in ran.err) == (2, True)


def test_the_teacher_answers_where_calls_are_shared(distilgen: Cli) -> None:
    distilgen.write({"a.txt": "Ann\nBob\n"})
    ran = distilgen(
        "dispatch", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--mode", "fallback",
        "src",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert distilgen("collect", "reply", "--inputs", "a.txt").code == 0
    found = recorded(places(distilgen))
    assert [record["source"] for record in found] == ["teacher"] * 2
    assert not any("rollout" in record for record in found)


@pytest.mark.parametrize("options", [(), ("--record",)])
def test_a_big_model_may_be_the_teacher(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch, options: Sequence[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def answer(request: Request) -> Response:
        text = json.loads(json.loads(request.body)["messages"][-1]["content"])["text"]
        return Response(body=completion("big", "Email", {"to": text, "urgent": True}))

    distilgen.write({"a.txt": "Ann\nBob\n"})
    with OpenAIServer(answer) as server:
        where = ("--model", "big", "--base-url", server.base_url)
        ran = distilgen("dispatch", *where, *options, "src")
        assert ran.code == 0, ran.err
        for calls in (2, 0):
            ran = distilgen("collect", "reply", "--inputs", "a.txt")
            assert (ran.code, f"{calls} calls returned" in ran.err) == (0, True), ran.err
    found = recorded(places(distilgen))
    assert [(r["source"], r["rollout"]["mode"]) for r in found] == [("big", "dispatch")] * 2
    assert {r["result"]["to"] for r in found} == {"Ann", "Bob"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("function", ["slow", "aslow"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    work: Cli, function: str, number: signal.Signals
) -> None:
    child = process(work.folder, function, "--inputs", "n.jsonl")
    wait_for(lambda: len(recorded(places(work))) > 50)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    if number is not signal.SIGKILL:
        assert child.returncode == 128 + number
        assert "what was done stays done, run the command again to go on" in said
        assert "Traceback" not in said
    done = sum("result" in record for record in recorded(places(work)))
    assert 50 <= done < 990
    code, said = run(work.folder, function, "--inputs", "n.jsonl", "--concurrency", "16")
    assert code == 1
    assert f"{990 - done} calls returned; 10 failed; {done} done before" in said
    results = Counter(r["arguments"]["n"] for r in recorded(places(work)) if "result" in r)
    assert sorted(results) == [n for n in range(1_000) if n % 100 != 7]
    assert set(results.values()) == {1}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_second_interrupt_ends_it_at_once(work: Cli) -> None:
    child = process(work.folder, "hangs", "--inputs", "n.jsonl")
    assert child.stderr is not None
    wait_for((work.folder / "up").exists)
    child.send_signal(signal.SIGINT)
    while "stopping: running calls get a moment" not in child.stderr.readline():
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130


def test_records_in_a_database(work: Cli, postgres: PostgresServer) -> None:
    url = postgres.database()
    common = ("slow", "--inputs", "n.jsonl", "--concurrency", "16", "--records", url)
    code, said = run(work.folder, *common, "--limit", "60")
    assert (code, "59 calls returned; 1 failed" in said) == (1, True), said
    assert "open-sesame" not in said
    code, said = run(work.folder, *common, "--limit", "31")
    assert (code, "31 calls returned; 59 done before" in said) == (0, True), said
    counted = work("records", "stats", "--json", "--records", url)
    assert json.loads(counted.out)["groups"][0]["calls"] == 91


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_a_killed_run_left_in_its_spool_is_sent_first(
    work: Cli, postgres: PostgresServer
) -> None:
    url = postgres.database()
    common = ("slow", "--inputs", "n.jsonl", "--records", url)
    child = process(work.folder, *common)
    spool = work.folder / ".distilgen/spool"
    wait_for(lambda: any(path.stat().st_size > 9_000 for path in spool.glob("*/*.jsonl")))
    child.kill()
    child.communicate(timeout=60)
    code, said = run(work.folder, *common, "--concurrency", "16")
    assert (code, " done before" in said) == (1, True), said
    listed = work("records", "list", "--json", "--no-errors", "--limit", "2000", "--records", url)
    results = [json.loads(line)["arguments"]["n"] for line in listed.out.splitlines()]
    assert sorted(results) == [n for n in range(1_000) if n % 100 != 7]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_whoever_waits_for_standard_input_may_be_stopped(work: Cli) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "distilgen", "collect", "slow", "--inputs", "-", "--input-format",
         "jsonl"],
        cwd=work.folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    with child:
        assert child.stdin is not None
        child.stdin.write('{"n": 1}\n')
        child.stdin.flush()
        wait_for(lambda: len(recorded(places(work))) == 1)
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130


def test_standard_input_is_read_as_it_comes(work: Cli) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "distilgen", "collect", "aslow", "--inputs", "-", "--input-format",
         "jsonl"],
        cwd=work.folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write('{"n": 1}\n')
    child.stdin.flush()
    wait_for(lambda: len(recorded(places(work))) == 1)  # though nothing says that this is all
    child.stdin.write('{"n": 2}\n')
    _, said = child.communicate(timeout=60)
    assert (child.returncode, "2 calls returned" in said) == (0, True)


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment without any package."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, symlinks=sys.platform != "win32")
    return folder


def python_of(folder: Path) -> Path:
    windows = sys.platform == "win32"
    return folder / ("Scripts/python.exe" if windows else "bin/python")


def test_the_projects_interpreter_runs_its_functions(work: Cli, elsewhere: Path) -> None:
    arguments = ("where", "--inputs", "n.jsonl", "--limit", "1", "--python")
    code, said = run(work.folder, *arguments, str(python_of(elsewhere)))
    assert (code, "has no distilgen: " in said) == (123, True)
    names = {"base": str(elsewhere), "platbase": str(elsewhere)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=names))
    ours = [path for path in sys.path if path.endswith("site-packages")]
    lines = [f"import site; site.addsitedir({path!r})" for path in ours]
    (packages / "ours.pth").write_text("\n".join(lines), "utf-8")
    code, said = run(work.folder, *arguments, str(python_of(elsewhere)))
    assert (code, "1 call returned" in said) == (0, True), said
    assert recorded(places(work))[0]["result"]["to"] == str(elsewhere)


def test_the_active_environment_is_the_projects(work: Cli, elsewhere: Path) -> None:
    environment = {"VIRTUAL_ENV": str(elsewhere)}
    code, said = run(work.folder, "where", "--inputs", "n.jsonl", **environment)
    assert (code, "has no distilgen: " in said) == (123, True)
