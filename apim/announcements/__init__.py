"""What owners tell those who call their APIs, and what the product tells of versions: each receiver once."""
