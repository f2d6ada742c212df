-- What do the plain chunks of this block say of each response?
select
    if(any_value(f.transcript) >= 0, any_value(f.transcript), null) as transcript,
    min(f.first_line) as line_number,
    max(f.last_line) as last_line,
    any_value(id) as id,
    any_value(model) as model,
    any_value(system_fingerprint) as system_fingerprint,
    'stream' as form,
    min(created) as created,
    any_value(service_tier) as service_tier,
    sum(chunks)::bigint as chunk_count,
    any_value(usage) as usage,
    if(min(created) < max(created), ['created_varies'], []) as flags,
    arg_min(role is not null and field is null and finish_reason is null and usage is null, f.first_line) as opens,
    count(role) > count(distinct choice_index) filter (role is not null)
        or coalesce(max(chunks) filter (role is not null) > 1, false) as role_repeats
from chunks as f join streams as s using (stream)
where s.plain
group by stream
