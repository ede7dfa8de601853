"""What gateways counted: taken in exactly once, rolled up, reported."""
