"""Who does it: foreign tools behind the lifecycle's ports, one folder each. `registry` puts them together."""
