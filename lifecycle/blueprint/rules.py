from lifecycle.blueprint.yaml12 import Document, Fault


def faults(document: Document) -> list[Fault]:
    return []
