"""The scoreboard: the same three durable steps on the engines that people would use instead.

Speed is measured beside BrewSaga's in the same minutes; conformance is judged by a side ledger
that the participants write to. It must not be needed by any service.
"""
