"""What goes wrong with a host, in the user's words."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai_server import OpenAIServer, Request, Response, error

from distilgen.errors import HostError
from distilgen.training.host_errors import calling

if TYPE_CHECKING:
    from collections.abc import Mapping


def refused(response: Response) -> HostError:
    """What becomes of a host's answer to the question for a file."""

    def respond(_: Request) -> Response:
        return response

    with OpenAIServer(respond) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)
        with client, pytest.raises(HostError) as raised, calling("HOST", "file f"):
            client.files.retrieve("f").id.upper()
    return raised.value


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, {"error": {"message": "Bad. ", "code": None}}, "answered 400: Bad"),
        (400, {"detail": "Bad"}, "answered 400: Bad"),
        (422, {"detail": [{"loc": ["a"], "msg": "missing"}]}, "422: [{'loc': ['a'], 'msg': 'mis"),
        (400, {"error": "Bad"}, "answered 400: Bad"),
        (401, {"error": {"message": "Bad key"}}, "401: Bad key; the host refuses the key: is it"),
        (403, {"error": {"message": "No"}}, "answered 403: No; the key may not do that"),
        (404, {"error": {"message": "No"}}, "answered 404: No; is the id right, and does"),
        (404, b"<html>\n\n<p>none</html>", "404: <html> <p>none</html>; is the id right"),
        (404, b"x" * 9999, "…; is the id right"),
        (413, {}, "that is more than the host takes at once"),
        (429, {"error": {"message": "Slow"}}, "answered 429: Slow; the host takes no more"),
        (500, {"error": {"message": "Oh"}}, "answered 500: Oh; the trouble is the host's"),
        (200, b"<html>", "what HOST answered is not of OpenAI's API (a text, and no JSON)"),
    ],
)
def test_messages(status: int, body: Mapping[str, Any] | bytes, message: str) -> None:
    found = refused(Response(status, body))
    assert str(found).startswith("file f: ")
    assert message in str(found)
    assert found.status == (None if status == 200 else status)
    assert found.passes == (status in (429, 500))


def test_spent_credit_does_not_pass() -> None:
    found = refused(error(429, "You exceeded your current quota", "insufficient_quota"))
    assert "429, insufficient_quota: You exceeded your current quota; the account's cr" in str(
        found
    )
    assert not found.passes


def test_an_organisation_that_is_closed_out() -> None:
    found = refused(error(403, "No.", "training_not_available"))
    assert "6 January 2027" in str(found)
    assert not found.passes


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "7", "retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "-1"}, None),
    ],
)
def test_how_long_the_host_wants_to_be_left_alone(
    headers: dict[str, str], after: float | None
) -> None:
    found = refused(Response(429, {"error": {"message": "Slow"}}, headers))
    assert found.after == after


@pytest.mark.parametrize(("seconds", "after"), [(1000, 1000), (-1000, None)])
def test_a_day_until_which_the_host_wants_to_be_left_alone(
    seconds: float, after: float | None
) -> None:
    day = email.utils.formatdate(time.time() + seconds, usegmt=True)
    found = refused(Response(429, {"error": {"message": "Slow"}}, {"Retry-After": day}))
    assert found.after == (after and pytest.approx(after, abs=60))


def test_nobody_there() -> None:
    client = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    with client, pytest.raises(HostError) as raised, calling("HOST", "file f"):
        client.files.retrieve("f")
    assert "HOST cannot be reached (" in str(raised.value)
    assert raised.value.passes
    assert raised.value.status is None
