"""Names of fields that hold credentials, and values without such fields.

What is stored of an answer, a request or an error goes through here: of headers nothing is kept, whoever wrote them.
"""

from __future__ import annotations

import functools
from typing import Any

# Ends of names without their underlines, as gateways put whose key it is before it: azure_ad_token, openaiApiKey.
_ENDINGS = (
    "headers", "auth", "authorization", "apikey", "accesskey", "privatekey", "subscriptionkey", "secretkey", "secret",
    "cookie", "cookies", "password", "passphrase", "bearer", "accesstoken", "refreshtoken", "authtoken", "bearertoken",
    "sessiontoken", "securitytoken", "azureadtoken",
)  # fmt: skip
_LEFT_ALONE = frozenset({"properties", "messages"})


@functools.lru_cache(maxsize=1 << 12)
def is_secret(name: str) -> bool:
    """Whether a field of this name holds a credential, or headers, of which any may be one."""
    return name.lower().replace("-", "").replace("_", "").endswith(_ENDINGS)


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
