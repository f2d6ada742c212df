-- What does a store of $rows completions hold, from row $low on?
-- Everything follows from the number of the row and the seed, by hashes: the same on any machine and in any order.
with drawn as (
    select
        n,
        hash(n, $seed) as h,
        (hash(n, $seed, 'model') % 10000) / 10000 as which_model,
        (hash(n, $seed, 'backend') % 10000) / 10000 as which_backend,
        (hash(n, $seed, 'reason') % 10000) / 10000 as which_reason,
        n / $rows as age,
        1 + hash(n, $seed, 'prompt') % 4000 as prompt,
        1 + hash(n, $seed, 'completion') % 900 as completion
    from (select range as n from range($low, $high))
),
named as (
    select
        *,
        case
            when which_model < 0.50 then 'gpt-4o-mini-2024-07-18'
            when which_model < 0.75 then 'gpt-4o-2024-08-06'
            when which_model < 0.90 then 'gpt-4.1-2025-04-14'
            when which_model < 0.97 then 'gpt-5-mini-2025-08-07'
            else 'Qwen/Qwen3-32B'
        end as model
    from drawn
),
placed as (
    select
        *,
        case
            when model like 'gpt-5%' then null
            when model like 'Qwen%' then if(age < 0.5, 'vllm-0.11.0-tp4-6d31f84d', 'vllm-0.12.0-tp4-91ab02ce')
            -- backends change three times a quarter, and two of them always share the work
            else 'fp_' || substr(md5(model || (floor(age * 4 + which_backend * 0.3)::int + if(which_backend < 0.2, 1, 0))), 1, 10)
        end as system_fingerprint,
        case when which_reason < 0.90 then 'stop' when which_reason < 0.94 then 'length'
            when which_reason < 0.985 then 'tool_calls' when which_reason < 0.99 then 'content_filter' end as finish_reason
    from named
)
select
    'chatcmpl-' || substr(md5(h::varchar), 1, 29) as id,
    model,
    system_fingerprint,
    h::ubigint::hugeint - 9223372036854775808 as completion_key,
    if(n % 3 = 0, 'stream', 'completion') as form,
    if(finish_reason is null, 'truncated', 'complete') as status,
    timestamptz '2026-07-01 00:00:00+00' + to_seconds(floor(age * 92 * 86400)) as created,
    if(model like 'Qwen%', null, 'default') as service_tier,
    1 as choice_count,
    if(n % 3 = 0, completion, null) as chunk_count,
    if(finish_reason is null, null, prompt) as prompt_tokens,
    if(finish_reason is null, null, completion) as completion_tokens,
    if(finish_reason is null, null, prompt + completion) as total_tokens,
    if(finish_reason is null, null, if(n % 4 = 0, prompt // 128 * 128, 0)) as cached_tokens,
    if(finish_reason is not null and model like 'gpt-5%', completion // 2, null) as reasoning_tokens,
    if(finish_reason is null, 'none', 'reported') as usage_source,
    if(finish_reason is null, null, '{"prompt_tokens":' || prompt || ',"completion_tokens":' || completion || ',"total_tokens":' || prompt + completion || '}') as usage,
    []::varchar[] as flags,
    0 as duplicates,
    'logs/' || $low || '.jsonl.gz' as source,
    (hash(source) // 2)::bigint as source_key,
    $low // 1_000_000 + 1 as log_number,
    n - $low + 1 as line_number,
    (n - $low) * 700 as byte_offset,
    timestamptz '2026-10-01 00:00:00+00' as ingested_at,
    finish_reason,
    if(finish_reason = 'tool_calls', 1, 0) as tool_call_count,
    repeat('A number of words that stand for an answer, ' || h || '. ', 1 + (h % 4)::int) as content
from placed
