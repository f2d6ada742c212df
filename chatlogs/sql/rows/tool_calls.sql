-- Which row does each tool call of a whole response get?
select
    r.id,
    r.model,
    r.system_fingerprint,
    k.completion_key,
    t.choice_index,
    row_number() over (partition by t.piece, t.choice_index order by t.tool_call_index) - 1 as tool_call_index,
    t.call_id,
    t.kind,
    t.name,
    t.arguments,
    -- hashed arguments come here when a later log continues their stream; then nobody can tell any more
    if(
        t.kind = 'custom' or t.arguments is null or regexp_full_match(t.arguments, '(sha256:[0-9a-f]{64})+'),
        null,
        json_valid(t.arguments)
    ) as arguments_valid
from piece_tool_calls as t
join piece_keys as k using (piece)
join piece_completions as r using (piece)
