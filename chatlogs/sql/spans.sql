-- Which prices do these logs ask for, and when?
select
    coalesce(model, request_model) as model,
    provider,
    service_tier as tier,
    custom_id is not null as batch,
    min(priced_at) as first_at,
    max(priced_at) as last_at,
    bool_or(priced_at is null) as timeless,
    coalesce(max(prompt_tokens), 0) as longest
from (select *, {time} as priced_at from completions)
group by all
order by all
