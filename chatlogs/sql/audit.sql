-- Which numbers of these logs contradict each other, and how much hangs on it?
-- Each check_… is true where a response fails, false where it passes, null where it cannot be checked.
-- Where usage is missing, tokens are estimated: characters, divided by the characters a token has in those responses of
-- the same model (else of all) that report usage and hide no reasoning. Estimates have columns of their own. A text that
-- is kept by its hash, or not at all (text_digest), is a text; its characters are not known, and no estimate has them.
-- Most responses have nothing odd about them: they are added up by model, and only the others are told apart.
with called as (
    select
        completion_key,
        choice_index,
        bool_or(arguments_valid = false and arguments is distinct from '') as broken,
        sum(length(arguments)) as call_characters,
        bool_or(if(starts_with(arguments, 'sha256:'), regexp_full_match(arguments, {hashed}), false)) as hides_call
    from tool_calls
    group by all
),
unlike as (
    -- Their characters say nothing of those of a token.
    select
        completion_key,
        usage_source is distinct from 'reported' as unmetered
    from completions
    where usage_source is distinct from 'reported'
       or coalesce(completion_tokens, 0) <= 0
       or coalesce(reasoning_tokens, 0) <> 0
),
measured as (
    select
        choices.model,
        choices.completion_key,
        finish_class,
        tool_call_count,
        coalesce(broken, false) as broken,
        coalesce(length(content), 0) + coalesce(length(reasoning), 0) + coalesce(length(refusal), 0) as text_characters,
        text_characters + coalesce(call_characters, 0) as all_characters,
        text_digest is not null or coalesce(hides_call, false)
            or coalesce(if(starts_with(content, 'sha256:'), regexp_full_match(content, {hashed}), false), false)
            or coalesce(if(starts_with(reasoning, 'sha256:'), regexp_full_match(reasoning, {hashed}), false), false)
            or coalesce(if(starts_with(refusal, 'sha256:'), regexp_full_match(refusal, {hashed}), false), false) as hides_texts,
        text_characters = 0 and text_digest is null as has_no_text,
        all_characters = 0 and text_digest is null as is_empty,
        if(hides_texts, null, all_characters) as characters,
        unlike.completion_key is not null as is_unlike,
        coalesce(unmetered, false) or hides_texts or is_empty or tool_call_count > 0
            or coalesce(finish_class in ('length', 'tool_calls'), false) as is_apart
    from choices
    left join called using (completion_key, choice_index)
    left join unlike using (completion_key)
),
answered as (
    select
        model as answered_by,
        is_unlike,
        if(is_apart, completion_key, null) as completion_key,
        sum(characters) as completion_characters,
        count(*) filter (where is_empty) as empty_choices,
        bool_or(hides_texts) as hides_answer,
        bool_or(has_no_text and tool_call_count = 0) filter (where finish_class = 'length') as check_length_without_text,
        bool_or(broken) filter (where finish_class in ('stop', 'tool_calls') and tool_call_count > 0)
            as check_finished_with_broken_arguments,
        bool_or(tool_call_count = 0) filter (where finish_class = 'tool_calls') as check_tool_calls_without_calls,
        bool_or(finish_class = 'tool_calls') as ends_in_calls
    from measured
    group by all
),
asked as (
    select
        completion_key,
        if(bool_or(if(starts_with(content, 'sha256:'), regexp_full_match(content, {hashed}), false)), null, sum(length(content))) as prompt_characters
    from messages
    group by completion_key
),
judged as (
    select
        *,
        prompt_tokens::hugeint + completion_tokens as token_sum,
        coalesce(total_tokens = token_sum + reasoning_tokens, false) as has_reasoning_beside,
        total_tokens <> token_sum and not has_reasoning_beside as check_total_is_not_the_sum,
        if(reasoning_tokens > 0, total_tokens = token_sum + reasoning_tokens, null)
            as check_reasoning_beside_completion,
        reasoning_tokens > completion_tokens and not has_reasoning_beside as check_reasoning_over_completion,
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
        if(status = 'error', null, {time} is null) as check_no_time
    from completions
    left join answered using (completion_key)
    left join asked using (completion_key)
),
metered as (
    select
        model as rated_model,
        sum(prompt_characters) filter (where prompt_tokens > 0) as prompt_characters,
        sum(prompt_tokens) filter (where prompt_characters > 0) as prompt_tokens,
        sum(completion_tokens) filter (
            where completion_tokens > 0 and choice_count > coalesce(empty_choices, 0) and not coalesce(hides_answer, false)
        ) as completion_tokens
    from completions
    left join answered using (completion_key)
    left join asked using (completion_key)
    where coalesce(reasoning_tokens, 0) = 0
    group by model
),
spoken as (
    select
        answered_by,
        sum(completion_characters) as completion_characters
    from answered
    where not is_unlike and not hides_answer
    group by answered_by
),
rated as (
    select
        rated_model,
        coalesce(prompt_characters / nullif(prompt_tokens, 0), sum(prompt_characters) over () / nullif(sum(prompt_tokens) over (), 0)) as prompt_rate,
        coalesce(
            completion_characters / nullif(completion_tokens, 0), sum(completion_characters) over () / nullif(sum(completion_tokens) over (), 0)
        ) as completion_rate
    from metered
    left join spoken on answered_by is not distinct from rated_model
),
alike as (
    -- Responses that fail and pass the same checks.
    select
        {by}
        model as judged_model,
        columns('^check_'),
        count(*) as alike_responses,
        sum(total_tokens) as alike_tokens,
        min(completion_key) as alike_key,
        sum(duplicates) as alike_copies,
        sum(duplicates * total_tokens::hugeint) filter (where duplicates > 0) as alike_tokens_of_copies,
        sum(prompt_characters) filter (where check_missing_usage) as prompt_unmetered,
        sum(completion_characters) filter (where check_missing_usage) as completion_unmetered
    from judged
    where {where}
    group by all
),
counted as (
    select
        {names}
        sum(alike_copies) as copies,
        sum(alike_tokens_of_copies) as tokens_of_copies,
        sum(prompt_unmetered / prompt_rate) as prompt_estimate,
        sum(completion_unmetered / completion_rate) as completion_estimate,
        struct_pack(
            found := coalesce(sum(if(columns('^check_'), alike_responses, 0)), 0)::bigint,
            checked := coalesce(sum(if(columns('^check_') is null, 0, alike_responses)), 0)::bigint,
            tokens := sum(if(columns('^check_'), alike_tokens, null)),
            example_key := min(if(columns('^check_'), alike_key, null))
        ) as "\0"
    from alike
    left join rated on rated_model is not distinct from judged_model
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
