-- Where each orchestrated saga stands, and every transition that brought it there.

CREATE TABLE saga_state (
    saga_id        text PRIMARY KEY,
    customer_id    text NOT NULL,
    amount_cents   bigint NOT NULL,
    currency       text NOT NULL,
    current_step   text NOT NULL,                         -- AWAITING_…, COMPENSATING_…, DONE
    status         text NOT NULL CHECK (status IN ('RUNNING', 'SUCCESS', 'FAILED')),
    last_event     text NOT NULL,
    payment_id     text NOT NULL DEFAULT '',
    reservation_id text NOT NULL DEFAULT '',
    shipment_id    text NOT NULL DEFAULT '',
    failure_reason text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    drink          text NOT NULL DEFAULT '',
    quantity       bigint NOT NULL DEFAULT 0,
    deadline       timestamptz,
    faults         text NOT NULL DEFAULT '',
    cancel_asked   boolean NOT NULL DEFAULT false,
    attempts       integer NOT NULL DEFAULT 0,            -- refusals of the compensation that is awaited
    parked_at      timestamptz,
    said           integer NOT NULL DEFAULT 1,            -- how often the awaited command was said
    say_again_at   timestamptz NOT NULL DEFAULT now(),
    version        integer NOT NULL DEFAULT 1             -- +1 each transition
) WITH (fillfactor = 60);
CREATE INDEX saga_state_status ON saga_state (status);

CREATE TABLE saga_history (
    saga_id    text NOT NULL,
    version    integer NOT NULL,                          -- of saga_state after this transition
    source     text NOT NULL,                             -- empty for the first
    target     text NOT NULL,                             -- a state, DONE/SUCCESS or DONE/FAILED
    event      text NOT NULL,                             -- place-order, payment-reply AUTHORIZE ok, …
    reason     text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (saga_id, version)
);
GRANT SELECT, INSERT, UPDATE ON saga_state TO :service_role;
GRANT SELECT, INSERT ON saga_history TO :service_role;
