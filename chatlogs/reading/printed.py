"""What Python prints of an answer in, its value out: `print(chunk)`, `str(response.to_dict())`, `print(line)`.

The text is parsed as Python and never run: objects, lists and plain values are taken as the fields they are printed
with, whatever their class is called, and bytes as the text they are. All that is said is there; what is no JSON in it
stays the text it is printed as.
"""

from __future__ import annotations

import ast
import re
from typing import Any

ANSWER = rb"(?:ChatCompletion|ModelResponse)\w{0,20}\(\w+=|\bb['\"](?:data: ?)?\{|['\"]data: ?\{"
"""How Python prints an answer, or the bytes of one, as a regular expression: it may stand behind some words."""

_OBJECT = re.compile(r"\s*[\[(]*\s*[A-Z]\w*\(\w+=")  # ChatCompletionChunk(id=
_DICT = re.compile(r"\s*[\[(]*\s*\{(?:'|\"[^\"]*')")  # in double quotes a name that has a single one
_QUOTED = re.compile(r"b?(?:'(?:[^'\\\n]++|\\.)*+'|\"(?:[^\"\\\n]++|\\.)*+\")")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = frozenset("\\'\"nrtxuU")
_SIZE_LIMIT = 8 << 20  # a syntax tree takes many times the memory of its text
_NO_NUMBERS = frozenset({"nan", "inf"})


def may_be_printed(text: str) -> bool:
    """Whether the text begins as Python prints an object of a class; a dict may be JSON as well."""
    return _OBJECT.match(text) is not None


def looks_printed(text: str) -> bool:
    """Whether the text begins as Python prints an object, or a dict that is no JSON."""
    return may_be_printed(text) or _DICT.match(text) is not None


def read_printed(text: str, flags: set[str]) -> dict[str, Any] | list[Any] | None:
    """The object or list that Python prints so, or None; flags: gets `non_finite_number` where one is null now."""
    if len(text) > _SIZE_LIMIT or not looks_printed(text):
        return None
    if not _ESCAPES.issuperset(_ESCAPE.findall(text)):  # Python prints no others, and its parser warns of them aloud
        return None
    text = text.strip()
    try:
        value = _Reader(text, flags).value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def read_quoted(text: str) -> str | None:
    """The text of the bytes, or of the string, that Python prints so, or None."""
    if len(text) > _SIZE_LIMIT or not _QUOTED.fullmatch(text) or not _ESCAPES.issuperset(_ESCAPE.findall(text)):
        return None
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else None


class _Reader:
    def __init__(self, text: str, flags: set[str]) -> None:
        self._text, self._flags = text, flags

    def value(self, node: ast.expr) -> Any:
        """What the expression says. Raises ValueError where Python prints no value so."""
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as plain):
                return plain
            case ast.Dict(keys=keys, values=values):
                return {self._key(key): self.value(one) for key, one in zip(keys, values, strict=True)}
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.value(item) for item in items]
            case ast.Call(func=ast.Name(), args=[], keywords=fields) if len({one.arg for one in fields}) == len(fields):
                return {self._name(field): self.value(field.value) for field in fields}
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id=name)) | ast.Name(id=name) if name in _NO_NUMBERS:
                self._flags.add("non_finite_number")
                return None
            case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name()), args=[_, *_]):  # datetime.date(2026, 9, 3)
                return ast.get_source_segment(self._text, node)
        raise ValueError(f"Python prints no {type(node).__name__}")

    def _key(self, node: ast.expr | None) -> str:
        if not isinstance(node, ast.Constant):
            raise ValueError("no key of an object")
        return str(node.value)

    def _name(self, field: ast.keyword) -> str:
        if field.arg is None:
            raise ValueError("no field of an object")
        return field.arg
