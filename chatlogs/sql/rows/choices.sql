-- What is derived for each choice of a whole response? Its texts need no query: they are the piece's own.
with calls as (
    select piece, choice_index, count(*) as tool_call_count
    from piece_tool_calls
    group by piece, choice_index
)
select
    c.place,
    r.id,
    r.model,
    r.system_fingerprint,
    k.completion_key,
    if(c.finish_reason is null, null, coalesce(f.finish_class, 'other')) as finish_class,
    coalesce(t.tool_call_count, 0) as tool_call_count,
    c.logprob_sum / c.token_count as mean_logprob
from piece_choices as c
join piece_keys as k using (piece)
join piece_completions as r using (piece)
left join finish_classes as f using (finish_reason)
left join calls as t using (piece, choice_index)
