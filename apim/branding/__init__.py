"""How this installation looks and what it calls itself: name, accent colour, pictures, links of the footer."""
