"""A Stripe to test against: a stateful HTTP server that speaks Stripe's API for the objects apim uses.

It shares no code with what it tests and is never loosened to make a test pass. Requests are checked against the
parameter types of the installed `stripe` package, answers are completed to its response types. Each behaviour names the
page of Stripe's documentation it follows as `Source:`. What lies under `/_control/` is ours, not Stripe's.
"""
