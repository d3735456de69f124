-- Ended orders are pruned after a stated time (RETENTION_DAYS), with their timelines and batches. What the
-- choreographed ones were worth stays, so that the ledger, which is never pruned, still adds up; of the others the
-- orchestrator says it.
CREATE TABLE pruned_orders (
    currency   text PRIMARY KEY,
    sagas      bigint NOT NULL,
    sold       bigint NOT NULL,                           -- those that were delivered
    sold_cents bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON pruned_orders TO :service_role;
GRANT DELETE ON orders, order_events, batches TO :service_role;
