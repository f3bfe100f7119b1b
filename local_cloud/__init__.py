"""Where an environment can be rehearsed: an AWS-compatible API on the machine's loopback with a real host behind every instance."""
