"""The command line, the stack for one machine, the demonstration and the audit.

Knows services only by their APIs.
"""
