-- Parked sagas are asked for by people and, while there are many, page by page.
CREATE INDEX saga_state_parked ON saga_state (saga_id) WHERE parked_at IS NOT NULL;
