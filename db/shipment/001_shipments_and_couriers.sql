-- What shipment remembers of each saga, and which courier it sent.
CREATE TABLE shipments (
    saga_id         text PRIMARY KEY,
    mode            text NOT NULL CHECK (mode IN ('choreo', 'orch')),
    outcome         text NOT NULL CHECK (outcome IN ('DONE', 'REFUSED', 'OWED', 'UNDONE', 'VOID')),
    shipment_id     text NOT NULL DEFAULT '',              -- empty where nothing was done
    reason          text NOT NULL DEFAULT '',
    customer_id     text NOT NULL DEFAULT '',
    amount_cents    bigint,                               -- NULL where no message said it
    currency        text NOT NULL DEFAULT '',
    drink           text NOT NULL DEFAULT '',
    quantity        bigint NOT NULL DEFAULT 0,
    deadline        timestamptz,
    faults          text NOT NULL DEFAULT '',
    attempts        integer NOT NULL DEFAULT 0,           -- undos that failed
    parked          boolean NOT NULL DEFAULT false,
    next_attempt_at timestamptz,                          -- of an owed undo
    occurred_at     timestamptz NOT NULL,                 -- of the outcome; announced unchanged for ever
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX shipments_owed ON shipments (saga_id) WHERE outcome = 'OWED';
GRANT SELECT, INSERT, UPDATE ON shipments TO :service_role;

CREATE TABLE couriers (
    courier_id text PRIMARY KEY,
    on_duty    boolean NOT NULL DEFAULT true
);

CREATE TABLE assignments (
    saga_id    text PRIMARY KEY,                          -- one courier a saga
    courier_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON couriers TO :service_role;
GRANT SELECT, INSERT ON assignments TO :service_role;

INSERT INTO couriers (courier_id) VALUES ('ada'), ('grace'), ('katherine'), ('radia');
