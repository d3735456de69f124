"""The order service: takes orders in both modes, watches them to their end, and says again what
nobody answered.
"""
