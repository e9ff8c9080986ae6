"""
Diagnosis explains: evidence to verdict, a worker's end to a Finding, a Finding to the next rung.

All of it is pure: facts in, records out.
"""
