"""One module per object of Stripe's API; importing them registers their routes."""
