"""The endpoints, split by noun: each parses, calls one service, and shows what it returned."""
