"""Keys of providers at rest: encrypted by FIELD_KEYS, and good for one place alone.

What a key is bound to is encrypted with it. Moved to another row, or its row to another address, it
opens no more: nobody gets hold of a key by pointing its provider to a server of their own.
"""

import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class KeyUnreadable(Exception):
    """FIELD_KEYS do not open it, or it was sealed for another place. It has to be entered again."""


def seal(key: str, *, place: str) -> str:
    """Encrypt by the first of FIELD_KEYS; the others open what was sealed before they went back."""
    return _box().encrypt(json.dumps([place, key]).encode()).decode()


def unseal(sealed: str, *, place: str) -> str:
    try:
        found, key = json.loads(_box().decrypt(sealed.encode()))
    except (InvalidToken, ValueError):
        raise KeyUnreadable from None
    if found != place:
        raise KeyUnreadable
    return key


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
