"""What is on offer to applications: products and plans."""
