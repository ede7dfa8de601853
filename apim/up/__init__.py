"""The launcher: starts everything of one installation in the foreground and stops it again.

Owns: the data directory's lock, the child processes, what a person sees while they start. Must not know: Django; the
parts that need it run as child processes.
"""
