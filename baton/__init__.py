"""What you type: the command line, one file per verb. Imports the engine only when a flow runs."""
