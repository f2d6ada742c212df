-- Which numbers of these logs contradict each other, and how much hangs on it?
-- Each check_… is true where a response fails, false where it passes, null where it cannot be checked.
-- Where usage is missing, tokens are estimated: characters, divided by the characters a token has in those responses of
-- the same model (else of all) that report usage and hide no reasoning. Estimates have columns of their own.
with called as (
    select
        completion_key,
        choice_index,
        bool_or(arguments_valid = false and arguments <> '') as broken,
        sum(length(arguments)) as characters
    from tool_calls
    group by all
),
answered as (
    select
        completion_key,
        bool_or(
            coalesce(content, '') = '' and coalesce(reasoning, '') = '' and coalesce(refusal, '') = '' and tool_call_count = 0
        ) filter (where finish_class = 'length') as check_length_without_text,
        bool_or(coalesce(broken, false)) filter (where finish_class in ('stop', 'tool_calls') and tool_call_count > 0)
            as check_finished_with_broken_arguments,
        bool_or(tool_call_count = 0) filter (where finish_class = 'tool_calls') as check_tool_calls_without_calls,
        bool_or(finish_class = 'tool_calls') as ends_in_calls,
        sum(coalesce(length(content), 0) + coalesce(length(reasoning), 0) + coalesce(length(refusal), 0) + coalesce(characters, 0))
            as completion_characters
    from choices
    left join called using (completion_key, choice_index)
    group by completion_key
),
asked as (
    select
        completion_key,
        sum(length(content)) as prompt_characters
    from messages
    group by completion_key
),
judged as (
    select
        *,
        prompt_tokens::hugeint + completion_tokens as token_sum,
        total_tokens <> token_sum and total_tokens is distinct from token_sum + reasoning_tokens as check_total_is_not_the_sum,
        if(reasoning_tokens > 0, total_tokens = token_sum + reasoning_tokens, null)
            as check_reasoning_beside_completion,
        reasoning_tokens > completion_tokens and total_tokens is distinct from token_sum + reasoning_tokens as check_reasoning_over_completion,
        cached_tokens > prompt_tokens as check_cached_over_prompt,
        least(prompt_tokens, completion_tokens, total_tokens, cached_tokens, reasoning_tokens) < 0 as check_negative_tokens,
        if(choice_count = 1 and max_tokens is not null and ends_in_calls, completion_tokens >= max_tokens, null)
            as check_tool_calls_at_max_tokens,
        list_contains(flags, 'id_collision') as check_id_collision,
        if(status = 'error', null, id is null) as check_no_id,
        coalesce(duplicates, 0) > 0 as check_duplicates,
        if(form = 'stream', status = 'truncated', null) as check_truncated_stream,
        if(form = 'completion' and status <> 'error', status = 'truncated', null) as check_no_finish_reason,
        if(status = 'error', null, usage_source is distinct from 'reported') as check_missing_usage,
        if(status = 'error', null, created is null) as check_no_time
    from completions
    left join answered using (completion_key)
    left join asked using (completion_key)
),
rates as (
    select
        model,
        sum(prompt_characters) filter (where prompt_tokens > 0) as prompt_characters,
        sum(prompt_tokens) filter (where prompt_characters > 0) as prompt_tokens,
        sum(completion_characters) filter (where completion_tokens > 0) as completion_characters,
        sum(completion_tokens) filter (where completion_characters > 0) as completion_tokens
    from completions
    left join answered using (completion_key)
    left join asked using (completion_key)
    where coalesce(reasoning_tokens, 0) = 0
    group by model
),
rated as (
    select
        model as rated_model,
        coalesce(prompt_characters / nullif(prompt_tokens, 0), sum(prompt_characters) over () / nullif(sum(prompt_tokens) over (), 0)) as prompt_rate,
        coalesce(
            completion_characters / nullif(completion_tokens, 0), sum(completion_characters) over () / nullif(sum(completion_tokens) over (), 0)
        ) as completion_rate
    from rates
),
counted as (
    select
        {by}
        sum(duplicates) as copies,
        sum(duplicates * total_tokens::hugeint) as tokens_of_copies,
        sum(prompt_characters / prompt_rate) filter (where check_missing_usage) as prompt_estimate,
        sum(completion_characters / completion_rate) filter (where check_missing_usage) as completion_estimate,
        struct_pack(
            found := count(if(columns('^check_'), 1, null)),
            checked := count(columns('^check_')),
            tokens := sum(if(columns('^check_'), total_tokens, null)),
            example_key := min(if(columns('^check_'), completion_key, null))
        ) as "\0"
    from judged
    left join rated on rated_model is not distinct from model
    where {where}
    group by all
),
told as (
    select
        * exclude (result),
        unnest(result)
    from (unpivot counted on columns('^check_') into name name value result)
)
select
    {names}
    substr(name, 7) as rule,
    found,
    checked,
    found / nullif(checked, 0) as share,
    if(rule = 'missing_usage', null, tokens) as tokens,
    if(rule = 'duplicates' and found > 0, copies, null) as copies,
    if(rule = 'duplicates' and found > 0, tokens_of_copies, null) as tokens_of_copies,
    if(rule = 'missing_usage', cast(round(prompt_estimate) as hugeint), null) as estimated_prompt_tokens,
    if(rule = 'missing_usage', cast(round(completion_estimate) as hugeint), null) as estimated_completion_tokens,
    coalesce(example_id, example_key::varchar) as example
from told
left join (select completion_key as example_key, id as example_id from completions) using (example_key)
order by {sort}
{limit}
