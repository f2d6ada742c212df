-- Which streams of this block are so plain that SQL may fold them?
-- Plain: one id, model, backend, tier and usage; a choice starts once, ends with one reason and says nothing
-- behind it; a tool slot has one id; no two runs of one text overlap, so that joining whole runs keeps the order.
create or replace temp table streams as
with said as (
    select
        *,
        case
            when content <> '' then 'content'
            when reasoning <> '' then 'reasoning'
            when refusal <> '' then 'refusal'
            when len(tool_calls) > 0 then 'call ' || tool_calls[1].slot
        end as field,
        (coalesce(content <> '', false)::int + coalesce(reasoning <> '', false)::int
            + coalesce(refusal <> '', false)::int + (len(tool_calls) > 0)::int) as fields
    from facts
    where plain and lane = 'chunk'
),
verdicts_by_part as (
    select
        stream,
        count(distinct id) <= 1
            and count(id) = count(*)
            and count(distinct model) <= 1
            and count(distinct system_fingerprint) <= 1
            and count(distinct service_tier) <= 1
            and count(distinct usage) <= 1
            and max(fields) <= 1 as ok
    from said
    group by stream
    union all
    select
        stream,
        count(*) filter (role is not null and field is null and finish_reason is null and usage is null) <= 1
            and count(distinct finish_reason) <= 1
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
                <= min(first_line) filter (finish_reason is not null), true)
    from said
    group by stream, choice_index
    union all
    select stream, coalesce(first_line > max(last_line) over (
        partition by stream, choice_index, field
        order by first_line
        rows between unbounded preceding and 1 preceding
    ), true)
    from said
    where field is not null
    union all
    select stream, count(distinct tool_calls[1].id) <= 1
    from said
    where starts_with(field, 'call')
    group by stream, choice_index, field
    union all
    select stream, false
    from said
    where stream in (select stream from careful_streams)
)
select stream, bool_and(ok) as plain, any_value(first_line) as first_line
from verdicts_by_part join (select stream, min(first_line) as first_line from said group by stream) using (stream)
group by stream
