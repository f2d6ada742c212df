-- What do the plain chunks of this block say of each response?
select
    if(transcript >= 0, transcript, null) as transcript,
    min(f.first_line) as line_number,
    max(f.last_line) as last_line,
    arg_min(id, f.first_line) as id,
    arg_min(model, f.first_line) as model,
    arg_max(system_fingerprint, f.last_line) as system_fingerprint,
    'stream' as form,
    min(created) as created,
    arg_max(service_tier, f.last_line) as service_tier,
    sum(chunks)::bigint as chunk_count,
    arg_max(usage, f.last_line) as usage,
    if(min(created) < max(created), ['created_varies'], []) as flags,
    arg_min(
        role is not null and coalesce(content, '') = '' and coalesce(reasoning, '') = ''
        and coalesce(refusal, '') = '' and len(tool_calls) = 0 and finish_reason is null and usage is null,
        f.first_line
    ) as opens,
    count(role) > count(distinct choice_index) filter (role is not null)
        or coalesce(max(chunks) filter (role is not null) > 1, false) as role_repeats
from facts as f join streams as s using (stream)
where f.plain and s.plain
group by stream, transcript
