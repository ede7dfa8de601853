"""The installation as a whole: whether it is well, what it keeps, and how one environment becomes another."""
