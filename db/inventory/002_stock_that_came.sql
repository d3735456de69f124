-- What ever came is summed up all the time (the live audit); the moves of sagas, which are many, are no part of it.
CREATE INDEX stock_moves_came ON stock_moves (ingredient) WHERE kind IN ('initial', 'refill');
