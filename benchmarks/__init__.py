"""The benchmark: this gateway beside the peers that are installed, in one run on one machine.

Owns: what is measured and how; the goals are in docs/explain/promises.md. A benchmark never fails on time, only on
wrong answers.
"""
