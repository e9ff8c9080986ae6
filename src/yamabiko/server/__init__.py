"""
HTTP: the doors through which other programs come.

`app` puts the routes together, `desk` does the work, `problems` says what went wrong in the client's words.
"""
