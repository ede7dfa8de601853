"""The commands, split by noun; main.py lists them."""
