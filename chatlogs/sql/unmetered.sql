-- What was said in the responses that report no usage?
with called as (
    select
        completion_key,
        string_agg(arguments, '' order by choice_index, tool_call_index) as arguments
    from tool_calls
    group by completion_key
),
answered as (
    select
        completion_key,
        string_agg(concat(reasoning, content, refusal), chr(10) order by choice_index) as answer
    from choices
    group by completion_key
),
asked as (
    select
        completion_key,
        string_agg(content, chr(10) order by message_index) as prompt
    from messages
    group by completion_key
)
select
    {by}
    model as answered_by,
    prompt,
    concat(answer, arguments) as answer
from completions
left join answered using (completion_key)
left join called using (completion_key)
left join asked using (completion_key)
where usage_source is distinct from 'reported'
  and status <> 'error'
  and {where}
