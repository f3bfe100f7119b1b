"""Terraform as a provisioner: command (options → argv), environment, runner (executes), parse (bytes → values), failures (words → errors)."""
