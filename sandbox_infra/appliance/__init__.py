"""The appliance's services: OpenBao through hvac."""
