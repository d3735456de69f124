"""Inventory: sets aside what an order needs, and puts it back.

Knows nothing of who comes before or after it.
"""
