"""Diamond's interface for its collectors, so that these run under Garnet unmodified: what is here is what they import.

The names, arguments and results are those of github.com/python-diamond/Diamond. Handlers, the server and its scheduler are
not here, since garnetd has their work. Nothing in this package knows of Garnet: a metric goes to the collector's `handlers`.
"""
