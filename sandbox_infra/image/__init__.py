"""Golden images: their recipes, the builder, what was built and whether it is intact."""
