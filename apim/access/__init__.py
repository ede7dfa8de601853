"""Applications, subscriptions and credentials: who may call what."""
