"""The languages whose words PostgreSQL knows to bring to their stems, and telling them apart."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from django.db import connection
from django.db.models import TextChoices

_READ_WORDS = 400
_LEAST_WORDS = 4  # stop words that must be met before the content says anything
_LEAST_SHARE = 0.15


class Language(TextChoices):
    """A text search configuration of PostgreSQL 15 and newer. `simple` leaves words as they are."""

    ARABIC = "arabic"
    ARMENIAN = "armenian"
    BASQUE = "basque"
    CATALAN = "catalan"
    DANISH = "danish"
    DUTCH = "dutch"
    ENGLISH = "english"
    FINNISH = "finnish"
    FRENCH = "french"
    GERMAN = "german"
    GREEK = "greek"
    HINDI = "hindi"
    HUNGARIAN = "hungarian"
    INDONESIAN = "indonesian"
    IRISH = "irish"
    ITALIAN = "italian"
    LITHUANIAN = "lithuanian"
    NEPALI = "nepali"
    NORWEGIAN = "norwegian"
    PORTUGUESE = "portuguese"
    ROMANIAN = "romanian"
    RUSSIAN = "russian"
    SERBIAN = "serbian"
    SIMPLE = "simple"
    SPANISH = "spanish"
    SWEDISH = "swedish"
    TAMIL = "tamil"
    TURKISH = "turkish"
    YIDDISH = "yiddish"


# Those for which PostgreSQL comes with a list of stop words.
_WITH_STOP_WORDS = [
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "hungarian",
    "italian",
    "nepali",
    "norwegian",
    "portuguese",
    "russian",
    "spanish",
    "swedish",
    "turkish",
]
# A dictionary answers a stop word with no lexeme at all. One that several languages have says less:
# that is what tells Danish from Norwegian.
_COUNT = """
SELECT language, count(*) FROM (
    SELECT language, count(*) OVER (PARTITION BY number) AS languages
    FROM unnest(%s::text[]) AS language, unnest(%s::text[]) WITH ORDINALITY AS words(word, number)
    WHERE ts_lexize((language || '_stem')::regdictionary, word) = '{}'
) found
GROUP BY language ORDER BY sum(1.0 / languages) DESC, language LIMIT 1
"""
_WORD = re.compile(r"[^\W\d_]+")


def tell_language(texts: Iterable[str]) -> str:
    """The language of a document by its stop words or, where it has none, by its script.

    English when neither says anything, and `simple` for a script that no configuration knows. Asks
    PostgreSQL's dictionaries, and no table.
    """
    words = [word.lower() for word in islice(_words(texts), _READ_WORDS)]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [_WITH_STOP_WORDS, words])
        language, count = cursor.fetchone() or ("", 0)
    if count >= max(_LEAST_WORDS, _LEAST_SHARE * len(words)):
        return language
    return _by_script(words)


def _words(texts: Iterable[str]) -> Iterator[str]:
    return (match[0] for text in texts for match in _WORD.finditer(text))


_SCRIPTS = {
    "LATIN": Language.ENGLISH,
    "ARABIC": Language.ARABIC,
    "ARMENIAN": Language.ARMENIAN,
    "DEVANAGARI": Language.HINDI,
    "GREEK": Language.GREEK,
    "TAMIL": Language.TAMIL,
}


def _by_script(words: Sequence[str]) -> str:
    scripts = Counter(unicodedata.name(word[0], "").partition(" ")[0] for word in words)
    script, _ = (scripts.most_common(1) or [("LATIN", 0)])[0]
    return _SCRIPTS.get(script, Language.SIMPLE)
