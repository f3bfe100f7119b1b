"""Policy engines: one file each, which know nothing of one another. `policies` puts together what a blueprint names."""
