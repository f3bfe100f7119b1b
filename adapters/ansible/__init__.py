"""Ansible as a Configurator: ansible-runner under the supervisor, in a private directory per run."""
