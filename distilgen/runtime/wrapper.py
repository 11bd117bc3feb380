"""The function that stands in the place of a recorded one: of its kind, with its parameters.

Its text is made of the parts below; see `generated`.
"""

from __future__ import annotations

import inspect
import os
import time
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from distilgen.runtime.call import Call
from distilgen.runtime.control import inside
from distilgen.runtime.generated import generated, holes_of, signature_of, start_unseen
from distilgen.runtime.results import is_overlong
from distilgen.runtime.stamp import DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.runtime.recorder import Recorder

# What `Recorder.plan` is made of.
_PLAN = (
    "$since, $until, $ahead, $count, $behind, $kind, $exact, $write, $choices, $file, $short, $most"
)

# What most calls are: not made inside of another recorded call, arguments that JSON knows, a sink
# that is an open file, and nothing to be asked. The same record comes out of `begin` and `returned`
# for every call; here it is put together without a function call that is not needed.
_QUICKLY = """\
    if $recorder.plan is not None and $inside() is None:
        $text = None
        {form} = $recorder.form
        if {fits}:
            if $write_given is None:
                $text = b""
            else:
                try:
                    $text = $write_given({given}, by_alias=True, warnings=False)
                    if $len($text) > $recorder.short or b"null" in $text:
                        $text = None
                except $Exception:
                    pass
        if $text is not None:
            $call = $Call()
            $call.recorder = $recorder
            try:
                $enter($call)
                $call.start = $start = $clock()
                $result = {await}$function({arguments})
                $elapsed = $clock() - $start
                $enter(None)
            except $BaseException as $error:
                if $inside() is $call:  # else a coroutine is collected while other code runs
                    $enter(None)
                try:
                    $recorder.went_wrong($call, $text, {given}, $error)
                except $Exception:
                    $recorder.lost += 1
                raise
            try:
                {plan} = $recorder.plan
                if not $since <= $start < $until:
                    {plan} = $recorder.planned($start)
                if $call.head is not None or $type($result) is not $kind:
                    raise $Exception
                if not $text and $exact is not None and $exact($result):
                    $line = $join((
                        $ahead, $DIGITS[$count()], $behind, $to_json({{
                            "elapsed_ms": $elapsed / 1e6,
                            "arguments": {given},
                            "result": $result,
                        }})[1:], b"\\n",
                    ))
                else:
                    $out = $write($result, by_alias=True, round_trip=True, warnings="error")
                    if $choices or b"null" in $out:
                        $out = $recorder.dump($result)
                    $line = $join((
                        $ahead, $DIGITS[$count()], $behind,
                        b'"elapsed_ms":', $to_json($elapsed / 1e6),
                        b',"arguments":', $text or $to_json({given}),
                        b',"result":', $out, b"}}\\n",
                    ))
                $size = $len($line)
                if $size > $short and (not $text or $size > $most or $is_overlong($out)):
                    raise $Exception
                $call.written = $line
                $wrote = $os_write($file, $line)
                if $wrote != $size:
                    $recorder.go_on($line, $wrote)
                $recorder.recorded += 1
                if $call.pair is not None:
                    $call.pair.written($line)
            except $Exception:
                try:
                    $recorder.went_well($call, $text, {given}, $elapsed, $result)
                except $Exception:
                    $recorder.lost += 1
            return $result
"""

_BEGIN = """\
    try:
        $call = $recorder.begin({given})
    except $Exception:
        $call = None
        $recorder.lost += 1
"""

_FUNCTION = (
    """\
{async}def recorded({parameters}):
"""
    + _QUICKLY
    + _BEGIN
    + """\
    if $call is None:
        return {await}$function({arguments})
    try:
        $result = {await}$function({arguments})
    except $BaseException as $error:
        try:
            $call.raised($error)
        except $Exception:
            $enter($call.around)
            $recorder.lost += 1
        raise
    try:
        $call.returned($result)
    except $Exception:
        $enter($call.around)
        $recorder.lost += 1
    return $result
"""
)

_GENERATOR = (
    """\
def recorded({parameters}):
"""
    + _BEGIN
    + """\
    if $call is None:
        return (yield from $function({arguments}))
    $source, $sent, $thrown = $function({arguments}), None, None
    try:
        while True:
            $call.enter()
            $item = $source.send($sent) if $thrown is None else $source.throw($thrown)
            $call.yielded($item)
            $sent = $thrown = None
            try:
                $sent = yield $item
            except $BaseException as $error:
                $thrown = $error  # thrown outside of this block, or it becomes a context
                $thrown.__traceback__ = $thrown.__traceback__.tb_next  # without this frame
    except $StopIteration as $end:
        $call.exhausted($thrown)
        return $end.value
    except $BaseException as $error:
        $call.raised($error)
        raise
    finally:
        $thrown = None  # it knows this frame, and the frame must not know it
"""
)

_ASYNC_GENERATOR = (
    """\
async def recorded({parameters}):
"""
    + _BEGIN
    + """\
    $source, $sent, $thrown = $function({arguments}), None, None
    try:
        $call and $call.enter()
        $step = $start_unseen($source)
        while True:
            $item = await $step
            $call and $call.yielded($item)
            $sent = $thrown = None
            try:
                $sent = yield $item
            except $BaseException as $error:
                $thrown = $error
                $thrown.__traceback__ = $thrown.__traceback__.tb_next
            $call and $call.enter()
            $step = $source.asend($sent) if $thrown is None else $source.athrow($thrown)
    except $StopAsyncIteration:
        $call and $call.exhausted($thrown)
    except $BaseException as $error:
        $call and $call.raised($error)
        raise
    finally:
        $step = $thrown = None
"""
)


def wrapper(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, recorded: of the same kind, with the same signature and behaviour."""
    scope: dict[str, Any] = {
        "recorder": recorder,
        "function": function,
        "inside": inside.get,
        "enter": inside.set,
        "clock": time.perf_counter_ns,
        "type": type,
        "map": map,
        "len": len,
        "join": b"".join,
        "os_write": os.write,
        "to_json": to_json,
        "is_overlong": is_overlong,
        "DIGITS": DIGITS,
        "Call": Call,
        "Exception": Exception,
        "BaseException": BaseException,
        "StopIteration": StopIteration,
        "StopAsyncIteration": StopAsyncIteration,
        "start_unseen": start_unseen,
    }
    signature = signature_of(function)
    text = _text(function, signature, recorder.contract.parameters)
    return generated(text, scope, function, signature)


def missing(function: Callable[..., Any], parameters: tuple[str, ...]) -> list[str]:
    """The contract's parameters that the function does not have."""
    known = signature_of(function).parameters
    return [name for name in parameters if name not in known]


def _text(
    function: Callable[..., Any], signature: inspect.Signature, taken: tuple[str, ...]
) -> str:
    """The wrapper's source. taken: the parameters that are recorded."""
    known = [name for name in taken if name in signature.parameters]
    holes = {
        **holes_of(signature, known),
        "plan": _PLAN,
        "form": "".join(f"$kind{i}, $items{i}, " for i in range(len(known))) + "$write_given,",
        "fits": " and ".join(
            f"$type({name}) in $kind{i}"
            f" and ($items{i} is None or $items{i}.issuperset($map($type, {name})))"
            for i, name in enumerate(known)
        )
        or "True",
    }
    if inspect.isasyncgenfunction(function):
        return _ASYNC_GENERATOR.format(**holes)
    if inspect.isgeneratorfunction(function):
        return _GENERATOR.format(**holes)
    waits = inspect.iscoroutinefunction(function)
    return _FUNCTION.format(
        **holes, **{"async": "async " if waits else "", "await": "await " if waits else ""}
    )
