"""Pages of the portal, one module a noun: they parse, call one service and render."""
