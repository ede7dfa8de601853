"""The way of an app developer from the first look to the first answer: sandbox keys, first sign-up, the funnel."""
