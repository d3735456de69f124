"""The rules, pure: no I/O, no clock, no chance, no environment. Time and chance come in as
arguments.
"""
