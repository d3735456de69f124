-- Every service's database: messages not yet acknowledged by Kafka, messages that could not be handled, and what was in
-- hand when a process died. `:service_role` is replaced by the migration runner.

CREATE TABLE outbox (
    id              uuid PRIMARY KEY,                     -- time-ordered; the message's ce_id
    aggregatetype   text NOT NULL,                        -- the topic, with its prefix (Debezium's column names)
    aggregateid     text NOT NULL,                        -- the record key: the saga id
    type            text NOT NULL,                        -- the protobuf message's name
    payload         bytea NOT NULL,
    causation_id    text,                                 -- ce_id of the message that caused this one
    publish_at      timestamptz NOT NULL DEFAULT now(),   -- later than created_at only for an injected delay
    created_at      timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz                           -- set only where OUTBOX_KEEP is on; else the row is deleted
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
-- What the sweeper looks for: without it each sweep would read all that is new and all that is deleted.
CREATE INDEX outbox_unsaid ON outbox (publish_at) WHERE acknowledged_at IS NULL;

CREATE TABLE dead_letters (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode        text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    "offset"    bigint NOT NULL,
    key         bytea,
    payload     bytea,                                    -- the first 64 KiB
    size_bytes  bigint NOT NULL,
    sha256      bytea NOT NULL,                           -- of the whole payload
    reason      text NOT NULL,                            -- one of sagakit.core.deadletters.Reason
    detail      text NOT NULL,
    saga_id     text,                                     -- where it could be read
    heard_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, partition, "offset", sha256)           -- a redelivered record is one dead letter
);

-- After an unclean stop each record is counted here before it is worked on, so that a crash loop ends.
CREATE TABLE in_hand (
    topic     text NOT NULL,
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    attempts  integer NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);

-- One row while a process of this mode works; a row that is found at start means that one died.
CREATE TABLE workers (
    worker_id  uuid PRIMARY KEY,
    mode       text NOT NULL,
    host       text NOT NULL,
    pid        integer NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, in_hand, workers TO :service_role;
GRANT SELECT, INSERT, UPDATE ON dead_letters TO :service_role;

-- A batch is one statement, and its guards are its parts' numbers of rows: another number undoes the whole.
CREATE FUNCTION as_expected(touched bigint[], expected bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    FOR part IN 1 .. cardinality(touched) LOOP
        IF touched[part] <> expected[part] THEN
            RAISE EXCEPTION 'part % touched % rows, % were as loaded', part, touched[part], expected[part]
                USING ERRCODE = 'BS001';
        END IF;
    END LOOP;
    RETURN touched;
END
$$;
