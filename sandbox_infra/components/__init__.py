"""Pulumi components: the only place besides program.py that imports pulumi."""
