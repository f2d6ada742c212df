"""What OpenTelemetry's attributes say of a call to a model, in the words of the API.

The conventions changed their names several times, and tracers have some of their own: OpenLLMetry's older ones count
the messages in the names (`gen_ai.completion.0.content`), as OpenInference does
(`llm.output_messages.0.message.content`); OpenRouter puts all that was said into one object; those of Vercel's AI SDK
are in aisdk.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatlogs.reading import aisdk
from chatlogs.reading.envelopes import at, first_of
from chatlogs.reading.kept import parsed, tool_calls
from chatlogs.values import as_json, listed

Attributes = Mapping[str, Any]

USAGE: Mapping[str, tuple[str, ...]] = {
    "prompt_tokens": (
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "ai.usage.inputTokens",
        "ai.usage.promptTokens",
    ),
    "completion_tokens": (
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
        "ai.usage.outputTokens", "ai.usage.completionTokens",
    ),
    "total_tokens": (
        "gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total", "ai.usage.totalTokens",
    ),
    "prompt_tokens_details.cached_tokens": (
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached", "llm.token_count.prompt_details.cache_read", "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    "prompt_tokens_details.cache_write_tokens": (
        "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.input_tokens.cache_write", "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    "prompt_tokens_details.audio_tokens": ("gen_ai.usage.input_tokens.audio", "llm.token_count.prompt_details.audio",),
    "completion_tokens_details.audio_tokens": ("llm.token_count.completion_details.audio",),
    "completion_tokens_details.reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "gen_ai.usage.output_tokens.reasoning",
        "llm.token_count.completion_details.reasoning", "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
}  # fmt: skip
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "model": ("gen_ai.request.model", "ai.model.id"),
    "temperature": ("gen_ai.request.temperature", "ai.settings.temperature"),
    "top_p": ("gen_ai.request.top_p", "ai.settings.topP"),
    "max_tokens": ("gen_ai.request.max_tokens", "ai.settings.maxOutputTokens", "ai.settings.maxTokens"),
    "seed": ("gen_ai.request.seed", "ai.settings.seed"),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", "ai.settings.frequencyPenalty"),
    "presence_penalty": ("gen_ai.request.presence_penalty", "ai.settings.presencePenalty"),
    "n": ("gen_ai.request.choice.count",),
    "stop": ("gen_ai.request.stop_sequences", "ai.settings.stopSequences"),
    "stream": ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming"),
    "service_tier": ("openai.request.service_tier", "gen_ai.openai.request.service_tier"),
    "tools": ("gen_ai.tool.definitions",),
}  # fmt: skip
_ASKED = ("gen_ai.prompt", "llm.input_messages")
_SAID = ("gen_ai.completion", "llm.output_messages")
_TEXT, _CALL, _RESULT = "text", "tool_call", "tool_call_response"
_REASONS = (
    "gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "llm.finish_reason", "ai.response.finishReason",
)  # fmt: skip
_VERDICTS = ("content_filter_results",)  # of Azure, on a choice
_DEEPEST = 12  # steps of a name; no convention has more than nine
_OF_OPENROUTER = {"completion": "content", "reasoning": "reasoning", "toolCalls": "tool_calls"}
_FIELDS = ("reasoning", "refusal")  # of a message of the API; parts in the conventions


def usage(attributes: Attributes) -> dict[str, Any] | None:
    """The usage as it was sent, or as far as it was counted."""
    whole = parsed(first_of(attributes, ("gen_ai.usage.raw",)))
    if isinstance(whole, dict) and "prompt_tokens" in whole:
        return whole
    return counted(attributes, USAGE)


def counted(row: Attributes, places: Mapping[str, tuple[str, ...]]) -> dict[str, Any] | None:
    """The usage of counts that stand at these places, by their names in the API, with a dot before those of details."""
    found: dict[str, Any] = {}
    for path, names in places.items():
        if (count := first_of(row, names)) is not None:
            name, _, detail = path.partition(".")
            if detail:
                found.setdefault(name, {})[detail] = count
            else:
                found[name] = count
    return found or None


def choices(attributes: Attributes) -> list[dict[str, Any]]:
    """The choices; without messages where no texts were traced, which is the rule."""
    messages = parsed(first_of(attributes, ("gen_ai.output.messages",)))
    said = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    said = (
        said
        or _of_openrouter(attributes)
        or next(filter(None, (_counted(attributes, name) for name in _SAID)), aisdk.answer(attributes))
    )
    reasons = parsed(first_of(attributes, _REASONS))
    reasons = reasons if isinstance(reasons, list) else [reasons] if isinstance(reasons, str) else []
    found = []
    for index in range(max(len(said), len(reasons))):
        one = dict(said[index]) if index < len(said) else {}
        reason = one.pop("finish_reason", None) or (reasons[index] if index < len(reasons) else None)
        verdict = {name: parsed(one.pop(name)) for name in _VERDICTS if name in one}
        message = next(_messages(one), {}) if one else {}
        found.append({"index": index, "message": message, "finish_reason": reason, **verdict})
    return found


def _of_openrouter(attributes: Attributes) -> list[dict[str, Any]]:
    """The answer where one attribute holds its text, its reasoning and its calls."""
    whole = parsed(first_of(attributes, _SAID[:1]))
    if not isinstance(whole, dict) or "completion" not in whole:
        return []
    return [{ours: whole[name] for name, ours in _OF_OPENROUTER.items() if whole.get(name) is not None}]


def request(attributes: Attributes) -> dict[str, Any] | None:
    """The request, as far as it was traced."""
    whole = parsed(first_of(attributes, ("input.value",)))
    asked = dict(whole) if isinstance(whole, dict) and "messages" in whole else {}
    more = parsed(first_of(attributes, ("llm.invocation_parameters",)))
    asked = {**(more if isinstance(more, dict) else {}), **asked}
    for name, paths in PARAMETERS.items():
        if (value := first_of(attributes, paths)) is not None:
            asked.setdefault(name, parsed(value) if name == "tools" else value)
    if offered := aisdk.tools(attributes):
        asked.setdefault("tools", offered)
    if "messages" not in asked and (messages := list(_asked(attributes))):
        asked["messages"] = messages
    return asked or None


def _asked(attributes: Attributes) -> Iterator[dict[str, Any]]:
    told = parsed(first_of(attributes, ("gen_ai.system_instructions",)))
    if isinstance(told, list) and told:
        yield from _messages({"role": "system", "parts": told})
    messages = parsed(first_of(attributes, ("gen_ai.input.messages",)))
    if not isinstance(messages, list) and isinstance(whole := first_of(attributes, _ASKED[:1]), str):
        messages = at(parsed(whole), "messages") or parsed(whole)
    if not isinstance(messages, list):
        messages = next(filter(None, (_counted(attributes, name) for name in _ASKED)), aisdk.asked(attributes))
    for one in messages:
        if isinstance(one, dict):
            yield from _messages(one)


def _messages(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message as those of the API: one for each result of a tool, and one for all else that it says."""
    parts = one.get("parts")
    if not isinstance(parts, list):
        yield _plain_message(inner if isinstance(inner := one.get("message"), dict) else one)
        return
    known = [part for part in parts if isinstance(part, dict)]
    results = [part for part in known if part.get("type") == _RESULT]
    for part in results:
        result = part.get("response", part.get("result"))
        content = result if isinstance(result, str) else as_json(result)
        yield {"role": "tool", "tool_call_id": part.get("id"), "content": content}
    if not results or len(results) < len(parts):
        yield {"role": one.get("role"), **_said([part for part in known if part.get("type") != _RESULT])}


def _plain_message(one: Mapping[str, Any]) -> dict[str, Any]:
    """A message that is nearly one of the API: OpenInference puts each call, and each part, into an object."""
    found = {name: value for name, value in one.items() if name not in ("tool_calls", "contents")}
    if isinstance(contents := one.get("contents"), list) and "content" not in found:
        found["content"] = [part.get("message_content", part) for part in contents if isinstance(part, dict)]
    if calls := [call.get(_CALL, call) for call in listed(one.get("tool_calls")) if isinstance(call, dict)]:
        found["tool_calls"] = tool_calls([_plainly(call) for call in calls])
    return found


def _said(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The content, reasoning, refusal and tool calls that the parts of a message are."""
    calls = [part for part in parts if part.get("type") == _CALL]
    content = [
        {"type": _TEXT, "text": part.get("content")} if part.get("type") == _TEXT else dict(part)
        for part in parts
        if part.get("type") not in (*_FIELDS, _CALL)
    ]
    is_text = len(content) == 1 and isinstance(content[0].get("text"), str)
    found: dict[str, Any] = {"content": content[0]["text"] if is_text else content or None}
    for name in _FIELDS:
        if texts := [str(part.get("content", "")) for part in parts if part.get("type") == name]:
            found[name] = "".join(texts)
    if calls:
        found["tool_calls"] = tool_calls([_plainly(call) for call in calls])
    return found


def _plainly(call: Any) -> Any:
    """A tool call with its name and arguments, as the API has them or beside each other."""
    if not isinstance(call, dict):
        return call
    if "function" not in call and "name" in call:
        return {name: call.get(name) for name in ("id", "name", "arguments")}
    return {"type": "function", **call}


def _counted(attributes: Attributes, prefix: str) -> list[dict[str, Any]]:
    """The objects whose fields are attributes of their own, under the prefix and the number of each; or a list."""
    whole = at(attributes, prefix)
    if whole is None:
        under = {name.removeprefix(f"{prefix}."): one for name, one in attributes.items() if name.startswith(prefix)}
        whole = _nested({name: one for name, one in under.items() if name.partition(".")[0].isdecimal()})
    return [_nested(one) for one in listed(_numbered(whole)) if isinstance(one, dict)]


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The object whose fields have these dotted names."""
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        *path, last = name.split(".", _DEEPEST)
        inner: Any = tree
        for step in path:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.setdefault(last, value)
    return tree


def _numbered(tree: Any) -> Any:
    """The tree with lists where all names of an object are numbers."""
    if not isinstance(tree, dict):
        return tree
    inner = {name: _numbered(value) for name, value in tree.items()}
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=lambda name: (len(name), name))]
    return inner
