"""What Vercel's AI SDK says of a call in the attributes of its spans, as messages of OpenTelemetry's conventions.

It traces each call twice: `ai.generateText` is what a program asked for, steps and tools included; the span within it,
`ai.generateText.doGenerate`, is the call to the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatlogs.reading.envelopes import first_of
from chatlogs.reading.kept import parsed

CALLS = frozenset({
    "ai.generateText.doGenerate", "ai.streamText.doStream", "ai.generateObject.doGenerate", "ai.streamObject.doStream",
})  # fmt: skip
"""Its operations that are calls to a chat model."""
_OF_APPLICATION = "ai.telemetry.metadata."


def answer(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The message that was answered; none where no texts were traced."""
    text = first_of(attributes, ("ai.response.text", "ai.response.object"))
    reasoning = first_of(attributes, ("ai.response.reasoning",))
    calls = parsed(first_of(attributes, ("ai.response.toolCalls",)))
    parts = [{"type": "reasoning", "content": reasoning}] if isinstance(reasoning, str) else []
    parts += [{"type": "text", "content": text}] if isinstance(text, str) else []
    parts += [_part({"type": "tool-call", **call}) for call in _objects(calls)]
    return [{"role": "assistant", "parts": parts}] if parts else []


def asked(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages that were sent."""
    found = []
    for message in _objects(parsed(first_of(attributes, ("ai.prompt.messages",)))):
        content = message.get("content")
        if isinstance(content, list):
            found.append({"role": message.get("role"), "parts": [_part(part) for part in _objects(content)]})
        else:
            found.append({"role": message.get("role"), "content": content})
    return found


def tools(attributes: Mapping[str, Any]) -> list[Any]:
    """The tools that were offered, each of them JSON text there."""
    found = first_of(attributes, ("ai.prompt.tools",))
    return [parsed(tool) for tool in found] if isinstance(found, list) else []


def metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What the application says of the call, by its own names."""
    named = ((name, value) for name, value in attributes.items() if name.startswith(_OF_APPLICATION))
    return {name.removeprefix(_OF_APPLICATION): value for name, value in named}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a message as the conventions have it; what they do not know stays as it is."""
    kind = part.get("type")
    if kind in ("text", "reasoning"):
        return {"type": kind, "content": part.get("text")}
    if kind == "tool-call":
        arguments = part.get("input", part.get("args"))
        return {"type": "tool_call", "id": part.get("toolCallId"), "name": part.get("toolName"), "arguments": arguments}
    if kind == "tool-result":
        output = part.get("output", part.get("result"))
        said = output["value"] if isinstance(output, dict) and "value" in output else output
        return {"type": "tool_call_response", "id": part.get("toolCallId"), "response": said}
    return dict(part)


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
