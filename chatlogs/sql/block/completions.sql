-- What does each stored completion of this block say that a template fits?
-- A text that holds an escape is decoded; it is null, though there is one, when it is no JSON.
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
    decoded(content) as content,
    decoded(reasoning) as reasoning,
    decoded(refusal) as refusal,
    (content is null or decoded(content) is not null)
        and (reasoning is null or decoded(reasoning) is not null)
        and (refusal is null or decoded(refusal) is not null) as plain
from fitted_completions
