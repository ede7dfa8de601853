"""Forms of the portal, one module a noun: they check shape; services check rules."""
