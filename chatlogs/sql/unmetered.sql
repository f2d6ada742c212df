-- What was said in the responses that report no usage?
-- null where a text of it is kept by its hash, or not at all (text_digest).
with called as (
    select
        completion_key,
        string_agg(arguments, '' order by choice_index, tool_call_index) as arguments,
        bool_or(if(starts_with(arguments, 'sha256:'), regexp_full_match(arguments, {hashed}), false)) as hides_call
    from tool_calls
    group by completion_key
),
answered as (
    select
        completion_key,
        string_agg(concat(reasoning, content, refusal), chr(10) order by choice_index) as answer,
        bool_or(text_digest is not null) as leaves_out,
        bool_or(
            coalesce(if(starts_with(content, 'sha256:'), regexp_full_match(content, {hashed}), false), false)
            or coalesce(if(starts_with(reasoning, 'sha256:'), regexp_full_match(reasoning, {hashed}), false), false)
            or coalesce(if(starts_with(refusal, 'sha256:'), regexp_full_match(refusal, {hashed}), false), false)
        ) as hides_text
    from choices
    group by completion_key
),
asked as (
    select
        completion_key,
        string_agg(content, chr(10) order by message_index) as prompt,
        bool_or(if(starts_with(content, 'sha256:'), regexp_full_match(content, {hashed}), false)) as hides_prompt
    from messages
    group by completion_key
)
select
    {by}
    model as answered_by,
    if(leaves_out or hides_prompt, null, prompt) as prompt,
    if(leaves_out or hides_text or hides_call, null, concat(answer, arguments)) as answer
from completions
left join answered using (completion_key)
left join called using (completion_key)
left join asked using (completion_key)
where usage_source is distinct from 'reported'
  and status <> 'error'
  and {where}
