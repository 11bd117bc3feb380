"""Files to a host: each content once, in parts where it is big, whatever happens on the way."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest
from openai_server import error

from distilgen.errors import HostError, TrainingError
from distilgen.training.uploads import Uploads, content_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fine_tuning_server import FineTuningServer

    from distilgen.training.host import Host
    from tests.training.conftest import Clock

ROW = b'{"messages": []}\n'
BOM = b"\xef\xbb\xbf"


class KilledError(BaseException):
    """The process ends here."""


def killed(_seconds: float) -> None:
    raise KilledError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_bytes(ROW * 100)
    return path


@pytest.fixture
def uploads(host: Host, tmp_path: Path) -> Uploads:
    return Uploads(host, tmp_path / "files")


def in_parts(host: Host, tmp_path: Path) -> Uploads:
    return Uploads(host, tmp_path / "files", usual=1000, part=600)


def test_each_content_goes_once(
    uploads: Uploads, server: FineTuningServer, path: Path, tmp_path: Path
) -> None:
    first = uploads.file(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert first.filename == f"train-{digest[:16]}.jsonl"
    assert server.files[first.id].content == path.read_bytes()
    same = tmp_path / "the same.jsonl"
    same.write_bytes(path.read_bytes())
    assert uploads.file(same).id == first.id
    path.write_bytes(ROW * 101)
    assert uploads.file(path).id != first.id
    assert server.made["file"] == 2


def test_another_key_is_another_account(
    uploads: Uploads, server: FineTuningServer, reach: Callable[..., Host], path: Path
) -> None:
    first = uploads.file(path)
    other = Uploads(reach(server, key="of another account"), uploads.folder)
    assert other.file(path).id != first.id
    assert not any("account" in p.read_text("utf-8") for p in uploads.folder.glob("*.json"))


@pytest.mark.parametrize("gone", ["deleted", "expired", "soon expired", "in error"])
def test_what_the_host_has_no_more_goes_again(
    gone: str, uploads: Uploads, server: FineTuningServer, path: Path, clock: Clock
) -> None:
    first = uploads.file(path)
    body = server.files[first.id].body
    match gone:
        case "deleted":
            del server.files[first.id]
        case "expired":
            body["expires_at"] = int(clock.now) - 1
        case "soon expired":
            body["expires_at"] = int(clock.now) + 60
        case "in error":
            body["status"] = "error"
    second = uploads.file(path)
    assert second.id != first.id
    assert uploads.file(path).id == second.id


def test_a_file_that_the_host_cannot_use(
    serve: Callable[..., FineTuningServer], reach: Callable[..., Host], path: Path,
    tmp_path: Path, clock: Clock,
) -> None:  # fmt: skip
    server = serve("azure")
    server.file_life = ("pending", "error")
    uploads = Uploads(reach(server), tmp_path / "files")
    with pytest.raises(TrainingError, match=r"Line 3 is no JSON object\.; look .*--profile azure"):
        uploads.file(path)
    assert clock.slept == [10]
    server.file_life = ("uploaded", "running", "processed")
    assert uploads.file(path).status == "processed"
    assert server.made["file"] == 2


def test_a_mark_ahead_is_sent_once(
    serve: Callable[..., FineTuningServer], reach: Callable[..., Host], path: Path, tmp_path: Path
) -> None:
    server = serve("azure")
    uploads = Uploads(reach(server), tmp_path / "files")
    marked = tmp_path / "marked.jsonl"
    marked.write_bytes(BOM + path.read_bytes())
    assert uploads.file(path).id == uploads.file(marked).id
    (file,) = server.files.values()
    assert file.content == marked.read_bytes()


def test_a_big_file_goes_in_parts(
    host: Host, server: FineTuningServer, path: Path, tmp_path: Path
) -> None:
    file = in_parts(host, tmp_path).file(path)
    assert server.files[file.id].content == path.read_bytes()
    assert server.kinds == ["uploads.create", *["uploads.parts"] * 3, "uploads.complete"]
    assert in_parts(host, tmp_path).file(path).id == file.id
    assert server.made == {"file": 1, "upload": 1, "job": 0}


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("kind", "nth"),
    [
        ("uploads.create", 1), ("uploads.parts", 1), ("uploads.parts", 3), ("uploads.complete", 1),
    ],
)  # fmt: skip
def test_killed_in_a_part_it_goes_on_there(
    kind: str, nth: int, done: bool, server: FineTuningServer, reach: Callable[..., Host],
    path: Path, tmp_path: Path,
) -> None:  # fmt: skip
    server.drop(kind, nth=nth, done=done)
    with pytest.raises(KilledError):
        in_parts(reach(server, sleep=killed), tmp_path).file(path)
    file = in_parts(reach(server), tmp_path).file(path)
    assert server.files[file.id].content == path.read_bytes()
    assert server.made["file"] == 1
    assert server.kinds.count("uploads.parts") == (3 if kind != "uploads.parts" else 4)


def test_an_expired_upload_starts_anew(
    server: FineTuningServer, reach: Callable[..., Host], path: Path, tmp_path: Path, clock: Clock
) -> None:
    server.drop("uploads.parts", nth=3)
    with pytest.raises(KilledError):
        in_parts(reach(server, sleep=killed), tmp_path).file(path)
    clock.sleep(3601)
    file = in_parts(reach(server), tmp_path).file(path)
    assert server.files[file.id].content == path.read_bytes()
    assert server.made == {"file": 1, "upload": 2, "job": 0}


def test_an_upload_that_the_host_ended_starts_anew(
    server: FineTuningServer, reach: Callable[..., Host], path: Path, tmp_path: Path
) -> None:
    server.drop("uploads.parts", nth=2)
    with pytest.raises(KilledError):
        in_parts(reach(server, sleep=killed), tmp_path).file(path)
    for upload in server.uploads.values():
        upload.body["status"] = "cancelled"
    in_parts(reach(server), tmp_path).file(path)
    assert server.made == {"file": 1, "upload": 2, "job": 0}


def test_an_outage_in_a_resumed_upload_ends_it(
    server: FineTuningServer, reach: Callable[..., Host], path: Path, tmp_path: Path
) -> None:
    server.drop("uploads.parts", nth=2)
    with pytest.raises(KilledError):
        in_parts(reach(server, sleep=killed), tmp_path).file(path)
    server.fail("uploads.parts", error(503, "overloaded", None), times=9)
    with pytest.raises(HostError, match=r"upload of .*train.jsonl, part 2: .* answered 503"):
        in_parts(reach(server), tmp_path).file(path)
    server.heal()
    in_parts(reach(server), tmp_path).file(path)
    assert server.made == {"file": 1, "upload": 1, "job": 0}


def test_more_than_the_host_takes(uploads: Uploads, path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1)
    assert uploads.host.shape.files.most == 8 * 1024**3
    with pytest.raises(TrainingError, match=r"there.jsonl: cannot be read \(No such file"):
        uploads.file(path.with_name("not there.jsonl"))
    path.write_bytes(b"")
    with pytest.raises(TrainingError, match=r"train.jsonl: is empty"):
        uploads.file(path)


def test_memory_does_not_grow_with_the_file(
    uploads: Uploads, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(ROW * 1_000_000)  # 17 MB

    def read(**given: object) -> object:
        _, file = cast("tuple[str, BinaryIO]", given["file"])
        total = 0
        while chunk := file.read(1 << 16):
            total += len(chunk)
        assert total == 17_000_000
        return type("File", (), {"id": "file-1", "status": "processed"})

    monkeypatch.setattr(uploads.host.client.files, "create", read)
    tracemalloc.start()
    try:
        uploads.file(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6_000_000


def test_a_marked_file_reads_as_one(path: Path) -> None:
    content = content_of(path, bom=True)
    whole = BOM + path.read_bytes()
    with content.open() as file:
        assert file.seek(0, io.SEEK_END) == content.size == len(whole)
        assert file.seek(1) == file.tell() == 1
        assert file.read(4) == whole[1:5]
        file.seek(0)
        assert file.read() == whole
        file.seek(600)
        assert file.read(600) == whole[600:1200]
        assert file.seek(-5, io.SEEK_CUR) == 1195
