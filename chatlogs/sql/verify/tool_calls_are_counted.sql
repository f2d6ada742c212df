-- Which responses say another number of tool calls than there are rows?
with said as (
    select completion_key, sum(tool_call_count)::bigint as said_calls
    from choices
    group by completion_key
),

counted as (
    select completion_key, count(*) as call_rows
    from tool_calls
    group by completion_key
)
select 'choices says ' || said_calls || ' tool calls for completion_key ' || completion_key || ', but tool_calls has '
    || coalesce(call_rows, 0) || ' rows.' as problem
from said
left join counted using (completion_key)
where said_calls <> coalesce(call_rows, 0)
order by problem
limit 20
