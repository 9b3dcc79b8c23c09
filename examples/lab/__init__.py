"""What the example notebooks do, as modules that can be tested outside a sandbox."""
