"""Shapes of the management API, split by noun: `...Shape` goes out, `...Body` comes in."""
