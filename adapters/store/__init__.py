"""The store: environments, journal, lock and ledger in one transactional database. `adapters.store.store` opens it."""
