-- Do equal requests with a seed get equal answers, within one backend and across?
-- Requests are equal when all that was logged of them is: messages, parameters and seed. Answers are equal when
-- their texts, refusals and tool calls are. Counted in pairs: 3 answers to one request make 3 pairs. What was asked without
-- its texts being kept (text_digest, or a message without any) is like nothing; texts kept by their hashes are told by these.
with seeded as (
    select
        {by}
        completion_key,
        coalesce(system_fingerprint, concat_ws(' ', model, '(' || service_tier || ')')) as backend,
        row(request_model, seed, temperature, top_p, max_tokens, n, requested_service_tier, request) as parameters
    from completions
    where seed is not null
      and status = 'complete'
      and {where}
),
said as (
    select
        completion_key,
        md5(to_json(list(row(role, content, content_parts, name, tool_call_id, tool_calls) order by message_index))) as conversation
    from messages
    where completion_key in (select completion_key from seeded)
    group by completion_key
    having not bool_or(coalesce(content, content_parts, tool_calls) is null and role is distinct from 'assistant')
),
called as (
    select
        completion_key,
        choice_index,
        to_json(list(row(name, arguments) order by tool_call_index)) as calls
    from tool_calls
    where completion_key in (select completion_key from seeded)
    group by all
),
answered as (
    select
        completion_key,
        md5(to_json(list(row(choice_index, content, refusal, calls) order by choice_index))) as answer
    from choices
    left join called using (completion_key, choice_index)
    where completion_key in (select completion_key from seeded)
    group by completion_key
    having not bool_or(text_digest is not null)
),
counted as (
    select
        {names}
        conversation,
        parameters,
        backend,
        answer,
        count(*) as responses
    from seeded
    join said using (completion_key)
    join answered using (completion_key)
    group by all
),
by_answer as (
    select
        *,
        sum(responses) over (partition by {keys} conversation, parameters) as of_request,
        sum(responses) over (partition by {keys} conversation, parameters, backend) as of_backend,
        sum(responses) over (partition by {keys} conversation, parameters, answer) as of_answer
    from counted
),
-- Each response meets of_… - 1 others, and each pair is met from both its sides.
paired as (
    select
        {names}
        count(distinct (conversation, parameters)) as requests,
        sum(responses) as responses,
        sum(responses * (of_backend - 1)) // 2 as within_pairs,
        sum(responses * (responses - 1)) // 2 as within_equal,
        sum(responses * (of_request - of_backend)) // 2 as across_pairs,
        sum(responses * (of_answer - responses)) // 2 as across_equal
    from by_answer
    where of_request > 1
    group by all
)
select
    {names}
    requests,
    responses,
    within_pairs,
    within_equal / nullif(within_pairs, 0) as within_share,
    across_pairs,
    across_equal / nullif(across_pairs, 0) as across_share
from paired
where requests > 0
order by {sort}
{limit}
