"""Names of fields that hold credentials, and values without such fields.

What is stored of an answer, a request or an error goes through here: of headers nothing is kept, whoever wrote them.
"""

from __future__ import annotations

import functools
from typing import Any

_SECRETS = frozenset({
    "authorization", "api_key", "apikey", "cookie", "cookies", "password", "secret", "access_token", "refresh_token",
    "bearer", "bearer_token", "private_key", "x_amz_security_token", "ocp_apim_subscription_key",
})  # fmt: skip
_ENDINGS = ("headers", "authorization", "api_key", "apikey", "cookie", "password", "_secret", "_access_key")
_LEFT_ALONE = frozenset({"properties", "messages"})


@functools.lru_cache(maxsize=1 << 12)
def is_secret(name: str) -> bool:
    """Whether a field of this name holds a credential, or headers, of which any may be one."""
    name = name.lower().replace("-", "_")
    return name in _SECRETS or name.endswith(_ENDINGS)


def without_secrets(value: Any) -> Any:
    """The same value without the fields that hold credentials; what a schema calls a field is left alone."""
    if isinstance(value, dict):
        return {
            name: without_secrets(item) if isinstance(item, (dict, list)) and name not in _LEFT_ALONE else item
            for name, item in value.items()
            if not is_secret(str(name))
        }
    if isinstance(value, list):
        return [without_secrets(item) if isinstance(item, (dict, list)) else item for item in value]
    return value
