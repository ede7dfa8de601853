"""The living demo: made customers who call the bank example, and a made history; removable without a trace."""
