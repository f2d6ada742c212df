"""Names of fields that hold credentials, and values without such fields.

What is stored of an answer, a request or an error goes through here: of headers nothing is kept, whoever wrote them.
"""

from __future__ import annotations

import functools
from typing import Any

# Ends of names without their underlines, as gateways put whose key it is before it: azure_ad_token, openaiApiKey.
_ENDINGS = (
    "headers", "auth", "authorization", "apikey", "accesskey", "privatekey", "subscriptionkey", "secretkey",
    "accountkey", "masterkey", "authkey", "secret", "cookie", "password", "passphrase", "bearer", "accesstoken",
    "refreshtoken", "authtoken", "bearertoken", "sessiontoken", "securitytoken", "azureadtoken", "oauthtoken",
    "credential", "connectionstring",
)  # fmt: skip
# Of several, such as a map of keys by provider. Not of tokens: those may be counts.
_PLURALS = tuple(f"{ending}s" for ending in _ENDINGS if not ending.endswith(("s", "token")))
_ANY = _ENDINGS + _PLURALS
_SOURCES = ("datasource", "datasources")
_OPENING, _PARAMETERS = "authentication", "parameters"  # of a source of data
_KEYS = ("key", "token")
_LEFT_ALONE = frozenset({"properties", "messages"})


@functools.lru_cache(maxsize=1 << 12)
def is_secret(name: str) -> bool:
    """Whether a field of this name holds a credential, or headers, of which any may be one."""
    return _plain(name).endswith(_ANY)


def without_secrets(value: Any, *, of_source: bool = False, opens: bool = False) -> Any:
    """The same value without the fields that hold credentials; what a schema calls a field is left alone.

    of_source: it describes a source of data to a server. opens: it opens one, so that any key in it is a credential.
    """
    if isinstance(value, dict):
        return {
            name: _inside(str(name), item, of_source) if isinstance(item, (dict, list)) else item
            for name, item in value.items()
            if not (is_secret(str(name)) or (opens and _plain(str(name)).endswith(_KEYS)))
        }
    if isinstance(value, list):
        return [
            without_secrets(item, of_source=of_source, opens=opens) if isinstance(item, (dict, list)) else item
            for item in value
        ]
    return value


def _inside(name: str, value: Any, of_source: bool) -> Any:
    if name in _LEFT_ALONE:
        return value
    plain = _plain(name)
    of_source = of_source or plain.endswith(_SOURCES)
    return without_secrets(value, of_source=of_source, opens=plain == _OPENING or (of_source and plain == _PARAMETERS))


@functools.lru_cache(maxsize=1 << 12)
def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
