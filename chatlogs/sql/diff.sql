-- How do two sides differ: how answers stop, how long they are, what they call, take and cost?
-- Counts of what was seen on each side; all statistics are made from these. Numbers are rounded so that equal ones
-- count together: seconds to the millisecond, dollars to a millionth. Of a text that is kept by its hash, or not at all
-- (text_digest), the length is not known; where there are such, an empty one says nothing of the lengths of answers.
with {priced},
sided as (
    select
        *,
        coalesce((
            {before}
        ), false) as is_before,
        coalesce((
            {after}
        ), false) as is_after
    from priced
    where {where}
),
asked as (
    select *, case when is_before and is_after then 'both' when is_before then 'before' else 'after' end as side
    from sided
    where is_before or is_after
),
responses as (
    select
        {by}
        side,
        unnest([
            {'measure': 'status', 'value': status, 'number': null::double},
            {'measure': 'prompt_tokens', 'value': null, 'number': prompt_tokens},
            {'measure': 'completion_tokens', 'value': null, 'number': completion_tokens},
            {'measure': 'reasoning_tokens', 'value': null, 'number': reasoning_tokens},
            {'measure': 'cache_hit', 'value': if(cached_tokens > 0, 'yes', 'no'), 'number': if(cached_tokens is null, 1, null)},
            {'measure': 'first_chunk_seconds', 'value': null, 'number': round(epoch(first_chunk_at - started_at), 3)},
            {'measure': 'whole_seconds', 'value': null, 'number': round(epoch(coalesce(ended_at, last_chunk_at) - started_at), 3)},
            {'measure': 'cost_usd', 'value': null, 'number': round(cost_usd, 6)}
        ], recursive := true)
    from asked
),
answers as (
    select
        {by}
        side,
        unnest([
            {'measure': 'finish_reason', 'value': coalesce(finish_reason, '(none seen)'), 'number': null::double},
            {'measure': 'refusal', 'value': if(text_digest is not null, null, if(refusal <> '', 'yes', 'no')), 'number': null},
            {'measure': 'tool_calls', 'value': if(tool_call_count > 0, 'yes', 'no'), 'number': null},
            {'measure': 'content_length', 'value': null, 'number': if(hides_texts and (hides_text or content = ''), null, length(content))}
        ], recursive := true)
    from (
        select
            completion_key, finish_reason, refusal, tool_call_count, content, text_digest,
            if(starts_with(content, 'sha256:'), regexp_full_match(content, {hashed}), false) as hides_text
        from choices
    )
    cross join (
        select bool_or(text_digest is not null or if(starts_with(content, 'sha256:'), regexp_full_match(content, {hashed}), false)) as hides_texts
        from choices
    )
    join asked using (completion_key)
)
select
    {names}
    side,
    measure,
    value,
    number,
    count(*) as seen
from (from responses union all by name from answers)
where (value is null) <> (number is null)
group by all
order by {sort}
