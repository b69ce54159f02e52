"""What Python 2 had, and what has its place in Python 3: so that who runs an old collector is told what to change."""
import re

MODULES = {
    "ConfigParser": "configparser", "Cookie": "http.cookies", "HTMLParser": "html.parser", "Queue": "queue", "SocketServer": "socketserver",
    "StringIO": "io", "UserDict": "collections", "__builtin__": "builtins", "anydbm": "dbm", "cPickle": "pickle", "cStringIO": "io",
    "commands": "subprocess", "cookielib": "http.cookiejar", "copy_reg": "copyreg", "dummy_thread": "_dummy_thread",
    "htmlentitydefs": "html.entities", "httplib": "http.client", "md5": "hashlib", "popen2": "subprocess", "robotparser": "urllib.robotparser",
    "sets": "the type set", "sha": "hashlib", "thread": "_thread", "urllib2": "urllib.request and urllib.error", "urlparse": "urllib.parse",
    "xmlrpclib": "xmlrpc.client",
}
NAMES = {
    "basestring": "str", "buffer": "memoryview", "cmp": "(a > b) - (a < b)", "execfile": "exec(open(FILE).read())", "file": "open",
    "intern": "sys.intern", "long": "int", "raw_input": "input", "reduce": "functools.reduce", "reload": "importlib.reload", "unichr": "chr", "unicode": "str",
    "xrange": "range",
}
ATTRIBUTES = {
    "func_code": "__code__", "func_name": "__name__", "has_key": "`in`", "iteritems": "items()", "iterkeys": "keys()", "itervalues": "values()",
    "getcwdu": "os.getcwd()", "letters": "string.ascii_letters", "lowercase": "string.ascii_lowercase", "maketrans": "str.maketrans",
    "maxint": "sys.maxsize", "next": "next(...)", "uppercase": "string.ascii_uppercase", "viewitems": "items()", "viewkeys": "keys()",
    "viewvalues": "values()",
}
MOVED = {  # from where they were imported
    **dict.fromkeys(("quote", "quote_plus", "unquote", "unquote_plus", "urlencode"), "urllib.parse"),
    **dict.fromkeys(("urlopen", "urlretrieve", "Request"), "urllib.request"),
    "izip": "zip", "imap": "map", "ifilter": "filter", "izip_longest": "itertools.zip_longest", "getoutput": "subprocess.getoutput",
}
BYTES = re.compile(r"bytes-like object is required, not 'str'|on a bytes-like object|on a string-like object|must be str, not bytes"
                   r"|not bytes$|bytes-like object, not 'str'|can't concat str to bytes"
                   r"|expected str instance, bytes found|must be encoded before hashing")
LISTS = re.compile(r"'(dict_\w+|map|filter|zip|range)' object (is not subscriptable|does not support item|has no attribute)"
                   r"|object of type '(map|filter|zip)' has no len")
SYNTAX = re.compile(r"""^\s*(print\b(?!\s*\()|exec\s+[^(]|raise\s+[\w.]+\s*,|except\b[^:(]*,)|`|<>|\b0\d+\b|\b(\d+|0x[0-9a-fA-F]+)[lL]\b|\bur["']""")


def advice(error):
    """What to do about an exception of a collector's, or None when it does not look like Python 2."""
    name, text = getattr(error, "name", None), str(error)
    if type(error) in (SyntaxError, IndentationError, TabError):  # others are derived from it, as ConfigObjError
        if isinstance(error, TabError) or SYNTAX.search(error.text or ""):
            return "this is Python 2"
        return "this is no Python 3, but may be Python 2"
    if isinstance(error, ImportError):
        inside = re.match(r"cannot import name '(\w+)'", text)
        name, known = (inside[1], MOVED) if inside else (name, MODULES)
    else:
        known = {NameError: NAMES, AttributeError: {**MOVED, **ATTRIBUTES}}.get(type(error), {})
    if name in known:
        return "%s was Python 2's: in Python 3 it is %s" % (name, known[name])
    if isinstance(error, (AttributeError, TypeError)) and LISTS.search(text):
        return "in Python 2 this was a list: list(...) makes one"
    if isinstance(error, TypeError):
        if BYTES.search(text):
            return "Python 2 took bytes for text: in Python 3 they are decoded, by .decode() or text=True"
        if "not supported between instances of" in text:
            return "Python 2 compared these, whatever they were"
    return None
