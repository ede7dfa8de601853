"""Template tags of branding."""
