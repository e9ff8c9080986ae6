"""
Workers report: an engine in a process of its own, and what became of it.

`messages` is what is said, `channel` how it travels, `child` runs in the
engine's environment, `process` is the server's side. Nothing here explains or
decides; that is the business of `diagnosis` and `scheduling`.
"""
