"""What pipelines need beside the verbs: where they run, how they are told, what they leave for later jobs."""
