"""Contains the URL face: PostgREST's syntax, as one HTTP request in plain data.

``parse`` gives a ``UrlRequest``; ``shape`` recognises requests that differ in their values only; ``word`` and
``word_database`` make answers of problems.
"""

from .errors import UrlError
from .media import Form, wants_page
from .parameters import canonical
from .parsing import UrlRequest, parse
from .preferences import Preferences
from .ranges import Range
from .reasons import because, name_in_doubt
from .settings import Body, Scan, UrlSettings, scan_json
from .shape import shape
from .sqlstates import WITHOUT_BODY, proxy_status, status_of, word_database
from .wording import word
from .writing import check_key

__all__ = [
    "WITHOUT_BODY",
    "Body",
    "Form",
    "Preferences",
    "Range",
    "Scan",
    "UrlError",
    "UrlRequest",
    "UrlSettings",
    "because",
    "canonical",
    "check_key",
    "name_in_doubt",
    "parse",
    "proxy_status",
    "scan_json",
    "shape",
    "status_of",
    "wants_page",
    "word",
    "word_database",
]
