"""What a job has left: the table of metrics, and checkpoints."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from openai_server import error

from distilgen.training import results

if TYPE_CHECKING:
    from collections.abc import Callable

    from fine_tuning_server import FineTuningServer

    from distilgen.training.host import Host
    from distilgen.training.provider import Job

TABLE = (
    b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    b"1,1.5,0.2,1.75,0.25\n"
    b"2,0.75,0.5,,\n"
)
LAST = [
    "train_loss 0.75 (step 2)", "train_accuracy 0.5 (step 2)", "valid_loss 1.75 (step 1)",
    "valid_mean_token_accuracy 0.25 (step 1)",
]  # fmt: skip


@pytest.fixture
def job(started: Callable[..., Job]) -> str:
    return started("queued", "running", "succeeded").id


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        base64.b64encode(TABLE),
        base64.encodebytes(TABLE),
        b"\xef\xbb\xbf" + TABLE,
        TABLE.replace(b"\n", b"\r\n"),
    ],
    ids=["plain", "base64", "base64 in lines", "with a mark", "of Windows"],
)
def test_the_table(
    content: bytes, host: Host, server: FineTuningServer, job: str, tmp_path: Path
) -> None:
    name = server.add_file(content, "step_metrics.csv", purpose="fine-tune-results").body["id"]
    lines = list(results.fetched(host, job, [name], tmp_path))
    assert lines[0] == f"last metrics: {', '.join(LAST)}"
    kept = (results.folder_of(tmp_path, host.server, job) / "metrics.csv").read_bytes()
    assert kept.decode("utf-8-sig").splitlines() == TABLE.decode().splitlines()


def test_weights_are_left_where_they_are(
    host: Host, server: FineTuningServer, job: str, tmp_path: Path
) -> None:
    weights = server.add_file(b"0", "adapter.safetensors", purpose="fine-tune-results")
    big = server.add_file(b"0", "metrics.csv", purpose="fine-tune-results")
    big.body["bytes"] = results.LARGEST + 1
    names = [weights.body["id"], big.body["id"]]
    assert list(results.fetched(host, job, names, tmp_path)) == []
    assert "files.content" not in server.kinds


def test_what_cannot_be_had_is_said(
    host: Host, server: FineTuningServer, job: str, tmp_path: Path
) -> None:
    (line,) = results.fetched(host, job, ["nobody"], tmp_path)
    assert line.startswith("not all results could be had: result file nobody: ")
    name = server.add_file(TABLE, "m.csv", purpose="fine-tune-results").body["id"]
    (tmp_path / "file").write_bytes(b"")
    (line,) = results.fetched(host, job, [name], tmp_path / "file")
    assert line.startswith("the metrics could not be kept: ")
    server.fail("jobs.checkpoints", error(404, "no such path", None))
    assert len(list(results.fetched(host, job, [name], tmp_path))) == 3


def test_what_is_no_table() -> None:
    assert list(results.last_values(b"\xff\x00 nothing")) == []
    assert list(results.last_values(b"")) == []
    assert list(results.last_values(b"step,a\n1,x\n2,\n")) == []
    assert list(results.last_values(b"a,b\n1,nan,3\n")) == ["a 1", "b nan"]
    assert results.plain(b"no table") == b"no table"


@pytest.mark.parametrize(
    ("server", "job", "place"),
    [
        ("https://api.openai.com/v1/", "ftjob-1", "api.openai.com_v1/ftjob-1"),
        ("https://me:secret@house/v1", "ftjob-1", "house_v1/ftjob-1"),
        ("http://127.0.0.1:8000/a/v1", "../../etc", "127.0.0.1_8000_a_v1/_.._etc"),
        ("http://h", "a/b:c", "h/a_b_c"),
        ("http://h", "..", "h/_"),
    ],
)
def test_a_job_of_a_server_has_a_folder_of_its_own(server: str, job: str, place: str) -> None:
    assert results.folder_of(Path("runs"), server, job) == Path("runs") / place


def test_checkpoints_first_step_first(host: Host, job: str) -> None:
    for _ in range(2):
        host.client.fine_tuning.jobs.retrieve(job)
    points = results.checkpoints(host, job)
    assert [point.step_number for point in points] == [1, 2, 3]
    line = "checkpoint at step 3: ft:base:acme::1:ckpt-step-3, train_loss 0.5"
    assert results.checkpoint_line(points[-1]) == line
    assert results.last_checkpoint(host, job) == "ft:base:acme::1:ckpt-step-3"
