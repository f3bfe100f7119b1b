"""What happens: the verbs as Prefect flows. The only room that knows the engine."""
