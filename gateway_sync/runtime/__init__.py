"""The embedded gateway: one engine that serves a snapshot. No Django from here down."""
