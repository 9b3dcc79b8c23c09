"""Backends: from the plan to what a provider is told, as pure text."""
