"""Hosts over SSH: readiness, trust, shared connections. See lifecycle/ssh_options.py for how ssh is asked."""
