"""From the plan to cloud-init: templates in, checked user-data out."""
