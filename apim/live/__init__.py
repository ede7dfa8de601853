"""Pages that keep themselves fresh: streams that tell a browser which of its parts have changed.

Owns: what can be watched, by whom, and how many may listen. Must not know: how the parts look; the browser asks for
them anew at the pages' own addresses, where permissions are checked as always.
"""
