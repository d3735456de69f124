"""Everything about sagas that is not about any one business: rules (core) and plumbing (shell)."""
