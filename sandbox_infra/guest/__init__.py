"""The way into guests: the SSH door, the console protocol, readiness, the browser's gate."""
