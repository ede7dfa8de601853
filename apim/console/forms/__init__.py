"""Forms of the console: they check shape; what is allowed is for the services to say."""
