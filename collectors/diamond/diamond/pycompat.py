"""Names that a collector for Python 2 and 3 alike takes from here, as Diamond's own for Python 3 do."""
from queue import Empty, Full, Queue
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlparse
from urllib.request import Request, urlopen

__all__ = ["Empty", "Full", "HTTPError", "Queue", "Request", "URLError", "URLOPEN", "long", "parse_qs", "quote", "unicode",
           "urlencode", "urljoin", "urlopen", "urlparse"]

URLOPEN = "diamond.pycompat.urlopen"  # what tests of collectors put something else in the place of
long = int
unicode = str
