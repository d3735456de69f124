"""What the services have in common on the wire: topic names, messages, metric names. Knows no
service's rules.
"""
