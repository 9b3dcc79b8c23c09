"""The typed stack file: models and parsing. Knows no provider."""
