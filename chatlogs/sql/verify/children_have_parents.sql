-- Which tables hold rows of a response that is not in completions?
with children as (
    select 'choices' as child, completion_key from choices
    union all
    select 'tool_calls', completion_key from tool_calls
    union all
    select 'messages', completion_key from messages
    union all
    select 'logprobs', completion_key from logprobs
    union all
    select 'chunks', completion_key from chunks
)
select child || ' has ' || count(*) || ' rows whose completion_key is not in completions, such as '
    || coalesce(min(completion_key)::varchar, 'null') || '.' as problem
from children
anti join completions using (completion_key)
group by child
order by child
