-- The door for new orders, by mode. A row closes it, for every process that uses this database.

CREATE TABLE intake_pauses (
    mode      text PRIMARY KEY CHECK (mode IN ('choreo', 'orch')),
    reason    text NOT NULL,
    paused_by text NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What closes the door of these modes. The lock is shared and lasts until the end of the transaction that
-- places; a statement inside a function sees what was committed before it began, and not before the call.
CREATE FUNCTION intake_closed(wanted text[]) RETURNS SETOF intake_pauses LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(x'696e74616b650000'::bigint);
    RETURN QUERY SELECT * FROM intake_pauses WHERE mode = ANY(wanted) ORDER BY mode;
END
$$;

-- Closes it, once every transaction is over that went through it while it was open.
CREATE FUNCTION intake_pause(closed text, why text, who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(x'696e74616b650000'::bigint);
    INSERT INTO intake_pauses (mode, reason, paused_by) VALUES (closed, why, who) ON CONFLICT DO NOTHING;
END
$$;
GRANT SELECT, INSERT, DELETE ON intake_pauses TO :service_role;
