"""Use cases of the centre: each is one transaction."""
