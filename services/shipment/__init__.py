"""Shipment: sends a courier with what was ordered.

Nothing undoes it. Knows nothing of who comes before or after it.
"""
