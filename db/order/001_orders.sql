-- Every order of both modes, the batches they were placed in, and the timeline of what was heard of them.

CREATE TABLE batches (
    batch_id        text PRIMARY KEY,
    request_hash    bytea NOT NULL,                       -- the same uid with another request is refused
    mode            text NOT NULL,
    orders          integer NOT NULL,
    rate_per_second double precision,                     -- NULL: as fast as it goes
    terms           jsonb NOT NULL,
    placed          integer NOT NULL DEFAULT 0,           -- orders written so far; the next index
    cancel_asked    boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orders (
    saga_id         text PRIMARY KEY,
    mode            text NOT NULL CHECK (mode IN ('choreo', 'orch')),
    customer_id     text NOT NULL,
    amount_cents    bigint NOT NULL,
    currency        text NOT NULL,
    drink           text NOT NULL DEFAULT '',
    quantity        bigint NOT NULL DEFAULT 0,
    deadline        timestamptz,
    faults          text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'RUNNING' CHECK (status IN ('RUNNING', 'SUCCESS', 'FAILED')),
    outcome         text CHECK (outcome IN ('completed', 'rejected', 'compensated')),
    current_step    text NOT NULL DEFAULT 'AWAITING_PAYMENT',  -- of the furthest event heard; DONE at the end
    failure_reason  text NOT NULL DEFAULT '',
    adopted         boolean NOT NULL DEFAULT false,       -- heard on Kafka, not placed here
    known           boolean NOT NULL DEFAULT false,       -- the orchestrator has said that it knows the saga
    cancel_asked    boolean NOT NULL DEFAULT false,
    parked          boolean NOT NULL DEFAULT false,       -- as the orchestrator last said
    said            integer NOT NULL DEFAULT 1,
    say_again_at    timestamptz NOT NULL,
    batch_id        text,
    idempotency_key text,
    request_hash    bytea,
    occurred_at     timestamptz NOT NULL DEFAULT now(),   -- announced unchanged for ever
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz,
    version         integer NOT NULL DEFAULT 1
) WITH (fillfactor = 60);
CREATE INDEX orders_open ON orders (mode, created_at, saga_id) WHERE status = 'RUNNING';
CREATE INDEX orders_created ON orders (created_at, saga_id);
CREATE UNIQUE INDEX orders_idempotency ON orders (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX orders_batch ON orders (batch_id) WHERE batch_id IS NOT NULL;

CREATE TABLE order_events (
    saga_id     text NOT NULL,
    event       text NOT NULL,                            -- payment-completed, …
    reference   text NOT NULL DEFAULT '',                 -- pay-…, res-…, ship-…
    reason      text NOT NULL DEFAULT '',
    occurred_at timestamptz,                              -- as the sayer says; NULL where it does not
    heard_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    repeats     integer NOT NULL DEFAULT 0,               -- heard again so often
    PRIMARY KEY (saga_id, event)
) WITH (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE ON batches, orders, order_events TO :service_role;
