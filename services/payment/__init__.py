"""Payment: charges what an order costs, and gives it back.

Knows nothing of who comes before or after it.
"""
