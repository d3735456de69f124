-- Every service's database: what people did to repair sagas, and what became of dead letters that were given to the
-- handler again.

-- One row for each thing that a person's command changed, written in the transaction of the change. Append-only.
CREATE TABLE repairs (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repair_id  uuid NOT NULL,                             -- one command, the same in every service that it reached
    verb       text NOT NULL,                             -- one of sagakit.core.repair.Verb
    subject    text NOT NULL,                             -- a saga's id, or a dead letter's
    saga_id    text,                                      -- NULL where a dead letter names none
    mode       text NOT NULL,
    who        text NOT NULL,
    why        text NOT NULL,
    before     jsonb NOT NULL,
    after      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX repairs_saga ON repairs (saga_id);
GRANT SELECT, INSERT ON repairs TO :service_role;

ALTER TABLE dead_letters
    ADD COLUMN redrives    integer NOT NULL DEFAULT 0,    -- how often it was given to the handler again
    ADD COLUMN redriven_at timestamptz,                   -- the last time
    ADD COLUMN handled_at  timestamptz;                   -- when that went well: it is no dead letter any more
