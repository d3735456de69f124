-- Ended sagas are pruned after a stated time (a day after order's, which asks for them). What they were worth stays.
CREATE TABLE pruned_sagas (
    currency   text PRIMARY KEY,
    sagas      bigint NOT NULL,
    sold       bigint NOT NULL,                           -- those that were delivered
    sold_cents bigint NOT NULL
);
-- For the list, youngest first, and for what is oldest.
CREATE INDEX saga_state_created ON saga_state (created_at, saga_id);
GRANT SELECT, INSERT, UPDATE ON pruned_sagas TO :service_role;
GRANT DELETE ON saga_state, saga_history TO :service_role;
