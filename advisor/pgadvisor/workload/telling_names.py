"""Names that say that what they stand for is a secret: of columns, functions, arguments, aliases, keys of JSON."""

from __future__ import annotations

import re
from functools import lru_cache

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_LETTERS = re.compile(r"[\W\d_]+")
_ANY = re.compile(r"pass|pwd|secret|cred|token|key|jwt|bearer|pin|pw|otp", re.IGNORECASE)
_WORDS = re.compile(
    r"pass|passwd|passcode|passphrase|passwort|passfile|pwd|pw|pins?|t?otp|creds?|jwt|bearer|apikey"
    # Within a longer word: userpassword, clientsecret. A secretary is none, nor is a tokenizer.
    r"|.*(?:passw|passwd|passphrase|secret(?!ar)|credential).*|.*tokens?|.*(?:api|access|private|account|encryption)keys?"
)
# What a name ends in that is about a secret and does not hold one, and language models count tokens.
_ABOUT = re.compile(
    r"ids?|counts?|number|at|on|date|time|timestamp|days?|expire[sd]|expiry|expiration|ttl|age|len|length|size|type|kind"
    r"|name|limit|attempts?|tries|version|enabled|required|policy|changed|updated|created|used|last|first|idx|pkey|fkey"
    r"|seq|rank|position|offset|freq|frequency|total|avg|mean|sum|max|min|cost|price|encryption|status|state"
)
# "..._key" is what is kept of an API's key, and what half the columns of a warehouse are called.
_NO_SECRET_KEYS = re.compile(
    r"primary|foreign|sort|partition|cache|order|group|unique|candidate|composite|surrogate|natural|business|alternate"
    r"|join|lookup|hash|date|time|idempotency|dedup|deduplication|routing|shard|sharding|distribution|index|map|dim|fact"
    r"|product|customer|cust|part|supp|supplier|nation|region|store|item|user|parent|child|record|row|object|entity"
    r"|event|message|translation|locale|range|cluster|clustering|bucket|storage|file|path|registry|feature|flag|config"
    r"|setting|option|field|column|attribute|property|json|ref|reference|external|public|tenant|employee|line|no|is|has"
    r"|for|on|not|conflict|issue|jira"
)
_VALUES = re.compile(r"values?|val|data|content|body|key|hash|text|plain|plaintext|payload")
_REMEMBERED = 16_384


@lru_cache(_REMEMBERED)
def is_telling(name: str) -> bool:
    """Whether what has this name is a secret: password, api_key, pin, accessToken. One with escapes (U&"...") may be.

    Not telling are names of what is about secrets (token_count, password_changed_at), and keys that are no secrets
    (primary_key, sort_key, key).

    >>> [name for name in ("user_pin", "monkey", "apiKey", "token_count", "passengers", "sort_key") if is_telling(name)]
    ['user_pin', 'apiKey']
    """
    if '"' in name and "\\" in name:
        return True
    if _ANY.search(name) is None:
        return False
    words = [word for word in _NO_LETTERS.split(_CAMEL.sub("_", name).lower()) if word]
    if not words or _ABOUT.fullmatch(words[-1]):
        return False
    if any(_WORDS.fullmatch(word) for word in words):
        return True
    return len(words) > 1 and words[-1] == "key" and _NO_SECRET_KEYS.fullmatch(words[-2]) is None


def holds_secrets(relation: str, column: str) -> bool:
    """Whether a column holds secrets by its name, or by that of its table: secrets.value."""
    return is_telling(column) or (_VALUES.fullmatch(column.lower()) is not None and is_telling(relation))
