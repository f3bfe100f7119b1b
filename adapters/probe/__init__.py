"""Checks for real: http, tcp, tls, sql, command and service, from the controller, from outside or from a host."""

from adapters.probe.prober import NetworkProber

__all__ = ["NetworkProber"]
