"""One program an engine, each run in the virtual environment of its peer.

They know the engine, the steps and where the ledger is, and nothing of BrewSaga.
"""
