"""Alert rules on what gateways counted, what they fired, and what a detector finds odd."""
