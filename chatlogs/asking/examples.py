"""Examples to train on: which answers are some, why the others are left out, and what a file of them is checked for.

The rule: every answer that was asked about is an example or is counted under one reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from chatlogs.asking.measures import Report

READERS = ("openai", "trl", "sharegpt")
"""Whose training files are JSON lines that can be checked."""

FORMATS = (*READERS, "parquet")
"""What a training set can be written as."""

EXAMPLES = Report("examples", "", ("completions", "choices"), ())

LEFT_OUT: Mapping[str, str] = {
    "error": "The request failed.",
    "truncated": "The stream was cut before each choice had a finish_reason.",
    "no_text": "Texts were not kept when the log was read (--content hash or none), or a message had none.",
    "no_prompt": "The log does not say what was asked.",
    "no_role": "A message of the prompt has no role, as where a prompt was logged as one text.",
    "refusal": "The model refused.",
    "finish": "The answer did not end by itself: its finish_reason is neither stop nor tool calls.",
    "audio": "The answer is audio, of which only a hash is kept.",
    "custom_call": "It calls a custom tool, which no training format knows.",
    "broken_call": "A tool call has no name, or arguments that are no JSON.",
    "empty": "The answer holds neither tool calls nor any text but blanks.",
    "suspect": "A flag says that its text may not be what was said, such as cumulative_content or order_suspect.",
    "unfit": "The format cannot hold it, or `chatlogs validate` would find an error: a call in the prompt that no tool "
    "answers, say, or in ShareGPT turns that do not alternate, text beside calls, parts that are no text.",
    "duplicate": "The same prompt and answer, word for word, are an example already.",
}
"""Why an answer is no example: the first that holds, in this order."""

CHECKS: Mapping[str, str] = {
    "not_json": "The line is no JSON object; blank lines are none either.",
    "shape": "A field is missing or has another type than the format gives it.",
    "unknown_field": "In OpenAI's format: a field beside those it is documented with.",
    "no_answer": "The conversation does not end with the assistant's message, so there is nothing to learn.",
    "nothing_trained": "Every message of the assistant has weight 0.",
    "empty_message": "A message holds neither content nor calls.",
    "unknown_part": "A part of a message's content is of a type that the format's trainers do not take.",
    "misplaced": "A field stands in a message of a role that has none such, or is missing where the role needs it.",
    "broken_call": "A call's arguments are no JSON object; in ShareGPT, a call has no name or no arguments.",
    "call_id": "In OpenAI's format: a call has no id, or the same as another of its message.",
    "unknown_tool": "A call names a tool that the line's tools do not have.",
    "open_call": "A call has no tool message that answers it, though the conversation goes on.",
    "turns": "The turns of ShareGPT are not human, then gpt, or human, function_call, observation, then gpt.",
    "no_tools": "Warning: the line calls tools and does not say which there are.",
    "duplicate": "Warning: the line is in the file already.",
    "too_few": "Warning: OpenAI asks for ten lines at least.",
}
"""What `chatlogs validate` looks for."""

WARNINGS = frozenset(("no_tools", "duplicate", "too_few"))
