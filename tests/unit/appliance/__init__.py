"""Unit tests of the appliance's Python side; OpenBao itself is met in tests/integration."""
