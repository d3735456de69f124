"""The orchestrator: the order of the steps, and a row a saga that says where each stands."""
