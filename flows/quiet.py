"""Keeps the engine's own log lines off the terminal: a person watches Baton's progress; the API still gets every line."""

import logging


def keep_off_the_terminal() -> None:
    """Drop the console handlers of Prefect's loggers."""
    import prefect.logging.configuration as configuration

    configuration.setup_logging()
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", "prefect.extra"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if "Console" in type(handler).__name__:
                logger.removeHandler(handler)
