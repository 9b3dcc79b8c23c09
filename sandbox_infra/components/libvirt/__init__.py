"""Components of a stack on libvirt."""
