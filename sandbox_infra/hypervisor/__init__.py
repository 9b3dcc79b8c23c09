"""The libvirt door: the only package that talks to a hypervisor."""
