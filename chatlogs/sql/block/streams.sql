-- Which streams of this block are so plain that SQL may fold them?
-- Plain: one id, model, backend, tier and usage; a choice starts once, ends with one reason and says nothing
-- behind it; a tool slot has one id; no two runs of one text overlap, so that joining whole runs keeps the order.
create or replace temp table streams as
with responses as (
    select
        stream,
        min(first_line) as first_line,
        count(id) = count(*)
            and min(id) = max(id)
            and min(model) is not distinct from max(model)
            and min(system_fingerprint) is not distinct from max(system_fingerprint)
            and min(service_tier) is not distinct from max(service_tier)
            and min(usage) is not distinct from max(usage)
            and max(fields) <= 1
            -- a fragment as it was written and a text that was read are not compared
            and coalesce(bool_and(cut) filter (content <> '') = bool_or(cut) filter (content <> ''), true) as ok
    from chunks
    group by stream
),
choices as (
    select
        stream,
        count(*) filter (role is not null and field is null and finish_reason is null and usage is null) <= 1
            and min(finish_reason) is not distinct from max(finish_reason)
            and coalesce(
                min(first_line) filter (role is not null) <= min(first_line) filter (field is not null), true)
            -- each fragment may repeat all text so far: then the text begins with the first fragment twice,
            -- and so does the last fragment, which is longer
            and not coalesce(
                starts_with(
                    string_agg(content_fragments, '' order by first_line),
                    repeat(arg_min(first_fragment, first_line), 2))
                and starts_with(arg_max(last_fragment, last_line), arg_min(first_fragment, first_line))
                and len(arg_max(last_fragment, last_line)) > len(arg_min(first_fragment, first_line)) + 1, false)
            and coalesce(
                max(last_line) filter (field is not null or role is not null)
                <= min(first_line) filter (finish_reason is not null), true) as ok
    from chunks
    group by stream, choice_index
),
odd as (
    select stream from choices where not ok
    union all
    select stream from (
        select stream, first_line <= lag(last_line) over (
            partition by stream, choice_index, field order by first_line) as is_tangled
        from chunks
        where field is not null
    )
    where is_tangled
    union all
    select stream
    from chunks
    where call_slot is not null
    group by stream, choice_index, field
    having min(call_id) is distinct from max(call_id)
    union all
    select stream from careful_streams
)
select stream, ok and stream not in (select stream from odd) as plain, first_line
from responses
