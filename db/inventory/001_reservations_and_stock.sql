-- What inventory remembers of each saga, the stock, and every unit it moved: append-only.
CREATE TABLE reservations (
    saga_id         text PRIMARY KEY,
    mode            text NOT NULL CHECK (mode IN ('choreo', 'orch')),
    outcome         text NOT NULL CHECK (outcome IN ('DONE', 'REFUSED', 'OWED', 'UNDONE', 'VOID')),
    reservation_id  text NOT NULL DEFAULT '',              -- empty where nothing was done
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
CREATE INDEX reservations_owed ON reservations (saga_id) WHERE outcome = 'OWED';
GRANT SELECT, INSERT, UPDATE ON reservations TO :service_role;

CREATE TABLE stock (
    ingredient text PRIMARY KEY,
    available  bigint NOT NULL CHECK (available >= 0),    -- units: grams, millilitres or pieces
    reserved   bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0)
) WITH (fillfactor = 50);

CREATE TABLE stock_moves (
    move_id    bigint GENERATED ALWAYS AS IDENTITY,
    saga_id    text NOT NULL,                             -- the refill's name where kind is refill
    kind       text NOT NULL CHECK (kind IN ('initial', 'refill', 'reserve', 'release')),
    ingredient text NOT NULL,
    units      bigint NOT NULL CHECK (units >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (saga_id, kind, ingredient)
);
GRANT SELECT, INSERT, UPDATE ON stock TO :service_role;
GRANT SELECT, INSERT ON stock_moves TO :service_role;

INSERT INTO stock (ingredient, available) VALUES
    ('beans', 20000000), ('milk', 20000000), ('cups', 1000000), ('geisha-beans', 90);
INSERT INTO stock_moves (saga_id, kind, ingredient, units)
    SELECT 'initial', 'initial', ingredient, available FROM stock;
