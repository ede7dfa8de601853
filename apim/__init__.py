"""The control plane: one Django app for each noun of the product."""
