-- Do answers that stop for length reach the max_tokens that was asked for?
-- An answer reaches it when its completion_tokens do; of several choices nobody knows which one used how many.
with counted as (
    select
        {by}
        max_tokens,
        count(*) as choices,
        count(*) filter (where finish_class = 'length') as stopped_for_length,
        count(*) filter (where finish_class = 'length' and choice_count = 1 and completion_tokens >= max_tokens) as at_max_tokens,
        count(*) filter (where finish_class = 'length' and choice_count = 1 and completion_tokens < max_tokens) as below_max_tokens,
        max(completion_tokens) filter (where choice_count = 1) as most_tokens
    from choices
    join (select * exclude (id, model, system_fingerprint, extra) from completions) using (completion_key)
    where {where}
    group by all
)
select
    {names}
    max_tokens,
    choices,
    stopped_for_length,
    stopped_for_length / choices as length_share,
    if(max_tokens is null, null, at_max_tokens) as at_max_tokens,
    if(max_tokens is null, null, below_max_tokens) as below_max_tokens,
    if(max_tokens is null, null, stopped_for_length - at_max_tokens - below_max_tokens) as not_known,
    most_tokens
from counted
order by {sort}
{limit}
