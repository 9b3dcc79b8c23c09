"""Hardware-isolated, short-lived AI sandboxes from one typed stack file."""
