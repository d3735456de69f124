"""The plumbing between Kafka, Postgres and the rules: thin, and the same for every service."""
