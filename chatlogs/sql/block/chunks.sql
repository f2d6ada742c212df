-- What does each plain chunk of this block say, or each run of them, to which stream, and with what kind of text?
-- parsed_chunks are those that no template fitted; what they say has been read already.
create or replace temp table chunks as
with fitted as (
    select
        l.line as first_line,
        coalesce(r.last_line, l.line) as last_line,
        coalesce(r.chunks, 1) as chunks,
        l.transcript,
        r.first_line is not null as cut,
        nullif(l.id, '') as id,
        nullif(l.model, '') as model,
        nullif(l.system_fingerprint, '') as system_fingerprint,
        nullif(l.service_tier, '') as service_tier,
        l.created,
        if(l.minified, l.usage, json(l.usage)::varchar) as usage,
        l.choice_index,
        nullif(l.role, '') as role,
        nullif(nullif(l.finish_reason, ''), 'null') as finish_reason,
        if(l.cut_at = 'content', r.text, l.content) as content,
        if(l.cut_at = 'content', r.fragments, null) as content_fragments,
        if(l.cut_at = 'content', l.content, null) as first_fragment,
        if(l.cut_at = 'content', l.last_text, null) as last_fragment,
        if(l.cut_at = 'reasoning', r.text, l.reasoning) as reasoning,
        if(l.cut_at = 'refusal', r.text, l.refusal) as refusal,
        l.call_index as call_slot,
        nullif(l.call_id, '') as call_id,
        nullif(l.call_name, '') as call_name,
        if(l.cut_at = 'call_arguments', r.text, l.call_arguments) as call_arguments
    from fitted_chunks as l left join runs as r on r.first_line = l.line and l.cut_at is not null
    union all by name
    select
        * exclude (line, tool_calls),
        line as first_line,
        line as last_line,
        1 as chunks,
        false as cut,
        content as content_fragments,
        content as first_fragment,
        content as last_fragment,
        tool_calls[1].slot as call_slot,
        tool_calls[1].id as call_id,
        tool_calls[1].name as call_name,
        tool_calls[1].arguments as call_arguments
    from parsed_chunks
)
select
    *,
    case when transcript >= 0 then 'body ' || transcript else 'id ' || coalesce(id, '') end as stream,
    case
        when content <> '' then 'content'
        when reasoning <> '' then 'reasoning'
        when refusal <> '' then 'refusal'
        when call_slot is not null then 'call ' || call_slot
    end as field,
    (coalesce(content <> '', false)::int + coalesce(reasoning <> '', false)::int
        + coalesce(refusal <> '', false)::int + (call_slot is not null)::int) as fields
from fitted
