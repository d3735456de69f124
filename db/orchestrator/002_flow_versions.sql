-- On which definition of the flow each saga began, and ends. What was there before is on the first.

ALTER TABLE saga_state ADD COLUMN flow_version integer NOT NULL DEFAULT 1;
ALTER TABLE saga_history ADD COLUMN flow_version integer NOT NULL DEFAULT 1;
