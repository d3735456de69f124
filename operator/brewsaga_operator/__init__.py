"""The operator: a saga as a Kubernetes resource, and chaos that ends in a verdict.

It asks the order service for everything about sagas and must not know how a saga works.
"""
