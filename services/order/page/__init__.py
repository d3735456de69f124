"""The web page of the order service: the same routes as the API, drawn for people.

It reads what the API answers and decides nothing. No build step, nothing from elsewhere; the batch
path knows nothing of it.
"""
