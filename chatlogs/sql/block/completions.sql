-- What does each stored completion of this block say that a template fits?
-- A text that holds an escape is decoded; it is null, though there is one, when it is no JSON.
with texts as (
    select
        * exclude (content, reasoning, refusal),
        decoded(content) as content,
        decoded(reasoning) as reasoning,
        decoded(refusal) as refusal,
        (content is not null)::int + (reasoning is not null)::int + (refusal is not null)::int as given
    from fitted_completions
)
select
    line,
    nullif(id, '') as id,
    nullif(model, '') as model,
    nullif(system_fingerprint, '') as system_fingerprint,
    nullif(service_tier, '') as service_tier,
    created,
    if(minified, usage, json(usage)::varchar) as usage,
    choice_index,
    nullif(role, '') as role,
    nullif(nullif(finish_reason, ''), 'null') as finish_reason,
    content,
    reasoning,
    refusal,
    extra,
    choice_extra,
    content_filter,
    given = (content is not null)::int + (reasoning is not null)::int + (refusal is not null)::int as plain
from texts
