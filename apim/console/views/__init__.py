"""Views of the console: they parse, call one service, render."""
