-- Which row does each message, token or chunk of a whole response get?
select
    r.id,
    r.model,
    r.system_fingerprint,
    k.completion_key,
    c.* exclude (piece, place)
from piece_{table} as c
join piece_keys as k using (piece)
join piece_completions as r using (piece)
