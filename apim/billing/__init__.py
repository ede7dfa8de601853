"""Money: what subscriptions cost, who paid, and what follows; the payment provider behind one door."""
