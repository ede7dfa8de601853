"""Pricing: what a plan costs, as pure values and functions. It knows no Django, no clock and no payment provider."""
