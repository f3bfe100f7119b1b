"""Policy: what must hold of an environment before it is changed. Values and pure rules; foreign engines are adapters."""
