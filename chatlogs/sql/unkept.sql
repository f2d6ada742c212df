-- Of how many responses are the texts not kept, where an answer would need them?
select
    count(*) filter (where seed is not null and leaves_out) as seeded,
    count(*) filter (where usage_source is distinct from 'reported') as unmetered
from completions
join (
    select
        completion_key,
        bool_or(text_digest is not null) as leaves_out
    from choices
    where text_digest is not null
       or starts_with(coalesce(content, reasoning, refusal), 'sha256:')
    group by completion_key
) using (completion_key)
where status <> 'error'
  and {where}
