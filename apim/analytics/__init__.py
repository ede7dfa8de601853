"""What happened, asked of the roll-ups: series and tables by dimension, stretch of time and filter.

Owns: the questions and their arithmetic. Must not know: who may ask; callers pass what they found with `visible_to`.
"""
