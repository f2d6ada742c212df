"""Moving: logs to a store. Puts pieces of responses together, tells repeats from collisions, keeps the ledger."""
