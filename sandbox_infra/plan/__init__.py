"""The immutable plan: what will exist, decided before anything does."""
