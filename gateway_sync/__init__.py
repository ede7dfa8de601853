"""From rows to running gateways: the pure compiler, the delivery app and the embedded runtime."""
