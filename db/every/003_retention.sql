-- Dead letters are pruned after a stated time (RETENTION_DAYS).
GRANT DELETE ON dead_letters TO :service_role;
