"""The catalogue of what a training file may have wrong: each rule, how grave, and what mends it."""

from __future__ import annotations

from typing import NamedTuple

ERROR, WARNING = "error", "warning"


class Rule(NamedTuple):
    """level: ERROR, where a host refuses the file or the student would learn something wrong, else
    WARNING. what: is wrong. mend: what to do. fixed: does `--fix` do it?
    """

    level: str
    what: str
    mend: str
    fixed: bool = False


_BUILD = "run `distilgen dataset build`"

RULES: dict[str, Rule] = {
    # files
    "empty-file": Rule(ERROR, "the file has no row", "build it from more records"),
    "bom-missing": Rule(ERROR, "the host wants a byte order mark", "say --fix", fixed=True),
    "bom-present": Rule(ERROR, "the host takes no byte order mark", "say --fix", fixed=True),
    "too-few-rows": Rule(ERROR, "the host wants more rows", "record more calls"),
    "too-many-rows": Rule(ERROR, "the host takes fewer rows", "build with a limit"),
    "file-too-large": Rule(ERROR, "the host takes no file of this size", "build with a limit"),
    "file-large": Rule(
        WARNING, "the host's usual upload takes no file of this size",
        "upload it in parts, or build with a limit",
    ),
    "format-not-taken": Rule(
        ERROR, "the host takes no rows of this format", "build with a --format that it takes"
    ),
    "duplicate-row": Rule(WARNING, "a row repeats an earlier one", "say --fix", fixed=True),
    "answers-differ": Rule(
        WARNING, "a row answers otherwise what an earlier one asks", "leave one of them out"
    ),
    "row-in-two-files": Rule(
        WARNING, "a row stands in two files", "leave it in one, if one of them is held out"
    ),
    "question-in-two-files": Rule(
        WARNING, "a row asks what a row of another file asks",
        "leave it in one, if one of them is held out",
    ),
    "leaked-row": Rule(
        ERROR, "a row that is held out is in the training file, too", _BUILD
    ),
    "held-out-question": Rule(
        ERROR, "a row that is held out asks what a row of the training file asks", _BUILD
    ),
    # lines
    "invalid-utf8": Rule(ERROR, "a line is no UTF-8", "write the file as UTF-8"),
    "blank-line": Rule(WARNING, "a line is blank", "say --fix", fixed=True),
    "torn-line": Rule(ERROR, "the last line breaks off", "say --fix", fixed=True),
    "invalid-json": Rule(ERROR, "a line is no JSON", "mend the line, or take it away"),
    "duplicate-key": Rule(ERROR, "an object has a key twice", "take one of them away"),
    "not-finite": Rule(ERROR, "a number is infinite, or none", "write null or a number"),
    "lone-surrogate": Rule(ERROR, "a text holds half of a character", "mend the text"),
    # rows
    "data-type": Rule(ERROR, "a value is of another type", "write what the format says"),
    "row-missing-key": Rule(ERROR, "a row lacks a key", "add it"),
    "row-unrecognized-key": Rule(WARNING, "a row has a key of no meaning", "take it away"),
    "mixed-formats": Rule(ERROR, "a row is of two formats", "leave the keys of one"),
    "preference-row": Rule(
        ERROR, "a row prefers one answer to another: it is for DPO", "train on supervised rows"
    ),
    "response-format": Rule(
        ERROR, "a row has a response format", "take it away: it belongs to live calls"
    ),
    "row-too-long": Rule(
        WARNING, "a row has more tokens than the host takes: it is cut at its end",
        "leave it out: build with --max-row-tokens",
    ),
    # messages
    "missing-messages-list": Rule(ERROR, "a row has no list of messages", "add `messages`"),
    "message-missing-key": Rule(ERROR, "a message lacks a key", "add it"),
    "message-unrecognized-key": Rule(
        ERROR, "a message has a key of no meaning", "say --fix", fixed=True
    ),
    "unrecognized-role": Rule(
        ERROR, "a message has an unknown role", "write a role that the host knows"
    ),
    "missing-content": Rule(ERROR, "a message says nothing", "write its text"),
    "content-part": Rule(ERROR, "a part of a message is malformed", "write it as the host has it"),
    "example-missing-assistant-message": Rule(
        ERROR, "a row has no answer of the assistant", "leave it out"
    ),
    "last-not-assistant": Rule(
        ERROR, "a row does not end with the assistant's answer", "leave out what stands behind it"
    ),
    "final-not-text": Rule(
        WARNING, "a row ends with a tool call, and the host asks for a text",
        "build with --format openai-json",
    ),
    "missing-system-prompt": Rule(
        WARNING, "a row has no system prompt", "add the one that live calls send"
    ),
    "system-not-first": Rule(ERROR, "a system message stands behind others", "move it to the top"),
    "roles-not-alternating": Rule(
        ERROR, "user and assistant do not take turns", "join the messages of one"
    ),
    "weight-value": Rule(
        ERROR, "a weight is neither 0 nor 1", "say --fix, or write 0 or 1", fixed=True
    ),
    "weight-role": Rule(ERROR, "a weight is not the assistant's", "take it away"),
    "nothing-trained": Rule(
        ERROR, "all answers of a row have weight 0", "give the answer weight 1"
    ),
    # tools
    "tools-and-functions": Rule(
        ERROR, "a row has tools and functions", "leave the tools alone: functions are older"
    ),
    "legacy-functions": Rule(
        WARNING, "the host documents tools and no functions", "build with --format openai-tools"
    ),
    "tool-form": Rule(ERROR, "a tool is malformed", "write it as a live call has it"),
    "tool-long-description": Rule(
        WARNING, "a tool's description is longer than the 1,024 characters that calls may have",
        "shorten the docstring, or the description",
    ),
    "tool-name": Rule(
        ERROR, "a name is not 1 to 64 of a-z, A-Z, 0-9, _ and -", "rename the tool"
    ),
    "tool-twice": Rule(ERROR, "two tools have one name", "rename one"),
    "tool-parameters": Rule(
        ERROR, "a tool's parameters are no JSON schema of an object", "mend the schema"
    ),
    "strict-schema": Rule(
        ERROR, "a strict tool's schema is not in the strict subset",
        "let distilgen make it, or take `strict` away",
    ),
    "parallel-tool-calls": Rule(
        ERROR, "`parallel_tool_calls` is neither true nor false, or has no tools", "mend it"
    ),
    "tool-call-form": Rule(ERROR, "a tool call is malformed", "write it as the host has it"),
    "tool-call-id": Rule(ERROR, "two tool calls have one id", "give each call its own"),
    "tool-call-id-length": Rule(
        WARNING, "the host's ids of calls are 9 letters and digits", "rename the ids"
    ),
    "tool-arguments": Rule(
        ERROR, "the arguments of a call are no text that is a JSON object", "mend the arguments"
    ),
    "tool-arguments-misfit": Rule(
        WARNING, "the arguments of a call do not fit the tool's parameters",
        "mend the arguments, or leave the row out",
    ),
    "tool-unknown": Rule(ERROR, "a call is of a tool that the row does not have", "add the tool"),
    "tool-call-unanswered": Rule(
        ERROR, "a call in the middle of a row has no answer", "add the tool's message"
    ),
    "tool-answer-without-call": Rule(
        ERROR, "a tool answers a call that nobody made", "mend its id, or take it away"
    ),
    # contracts
    "contract-outdated": Rule(ERROR, "the function's contract is another one now", _BUILD),
    "manifest-differs": Rule(ERROR, "the file is not the one that was built", _BUILD),
    "file-missing": Rule(ERROR, "a file of the dataset is gone", _BUILD),
    "columns-differ": Rule(ERROR, "a table has other columns", _BUILD),
    "answer-unreadable": Rule(ERROR, "a row's answer cannot be read", "leave the row out"),
    "answer-misfit": Rule(
        ERROR, "an answer does not fit the contract", "mend the answer, or leave the row out"
    ),
    "system-prompt-differs": Rule(ERROR, "the system prompt is not the contract's", _BUILD),
    "tools-differ": Rule(ERROR, "the tools are not the contract's", _BUILD),
    "parallel-tool-calls-missing": Rule(
        WARNING, "live calls allow one tool call, and the row does not say so", "say --fix",
        fixed=True,
    ),
    "parallel-tool-calls-differ": Rule(
        ERROR, "live calls allow one tool call, and the row allows several", "say --fix", fixed=True
    ),
    "messages-differ": Rule(
        ERROR, "the messages are not those of a live call",
        "leave the system prompt and one question",
    ),
    "question-differs": Rule(
        ERROR, "the question is not in the words of live calls", _BUILD
    ),
    "arguments-differ": Rule(
        ERROR, "the arguments are not those that the function takes",
        "name those of its parameters, or leave the row out",
    ),
    "arguments-misfit": Rule(
        WARNING, "an argument is not of its declared type", "mend it, unless calls pass such values"
    ),
}  # fmt: skip
"""By name, as --rules, `--format json` and docs/validation.md have it."""
