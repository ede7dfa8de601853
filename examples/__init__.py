"""Examples that script/up can load."""
