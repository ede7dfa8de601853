"""An ACME server (RFC 8555) for tests: strict, stateful, in memory; shares no code with the product."""
