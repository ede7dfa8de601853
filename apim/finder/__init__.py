"""Finding places, things and acts from any page: the search page, the palette over it, and the map of keys.

Owns: what a few words find for somebody, across portal and console. Must not know: how those pages look.
"""
