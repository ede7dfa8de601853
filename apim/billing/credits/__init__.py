"""Prepaid credits: bought by top-ups, drawn on by usage, told to gateways as the calls that they pay for."""
