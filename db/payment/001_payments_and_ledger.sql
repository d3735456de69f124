-- What payment remembers of each saga, and the money it moved: double entry, append-only.
CREATE TABLE payments (
    saga_id         text PRIMARY KEY,
    mode            text NOT NULL CHECK (mode IN ('choreo', 'orch')),
    outcome         text NOT NULL CHECK (outcome IN ('DONE', 'REFUSED', 'OWED', 'UNDONE', 'VOID')),
    payment_id      text NOT NULL DEFAULT '',              -- empty where nothing was done
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
CREATE INDEX payments_owed ON payments (saga_id) WHERE outcome = 'OWED';
GRANT SELECT, INSERT, UPDATE ON payments TO :service_role;

CREATE TABLE ledger (
    saga_id      text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('charge', 'refund')),
    account      text NOT NULL CHECK (account IN ('customer', 'shop')),
    amount_cents bigint NOT NULL,                         -- the two entries of a kind sum to zero
    currency     text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (saga_id, kind, account)                  -- so a second charge of a saga cannot be written at all
);
GRANT SELECT, INSERT ON ledger TO :service_role;
