-- How long do answers take to begin, to arrive and to end, by the logger's clock and by the server's own?
-- Nothing is derived from `created`: it has whole seconds and is the same in every chunk.
-- A stall is a gap of more than two seconds between two chunks.
with paced as (
    select
        completion_key,
        content_length,
        arrived_at,
        epoch(arrived_at - lag(arrived_at) over (partition by completion_key order by chunk_index)) as gap
    from chunks
    where arrived_at is not null
),
streamed as (
    select
        completion_key,
        min(arrived_at) filter (where content_length > 0) as first_content_at,
        max(gap) as longest_gap,
        count(*) filter (where gap > 2) as stalls
    from paced
    group by completion_key
),
read as (
    select
        {by}
        epoch(first_chunk_at - started_at) as first_chunk,
        epoch(first_content_at - started_at) as first_content,
        epoch(coalesce(ended_at, last_chunk_at) - started_at) as whole,
        epoch(last_chunk_at - first_chunk_at) as streaming,
        longest_gap,
        stalls,
        completion_tokens as tokens,
        -- vLLM, in milliseconds; a stream has the list of what its chunks said
        coalesce(extra -> '$.metrics[#-1]', extra -> '$.metrics') as vllm,
        -- llama.cpp, in milliseconds
        coalesce(extra -> '$.timings[#-1]', extra -> '$.timings') as llama,
        -- Groq in usage, Cerebras beside it, in seconds
        if(usage like '%_time"%', try_cast(usage as json), coalesce(extra -> '$.time_info[#-1]', extra -> '$.time_info')) as groq,
        -- LM Studio, in seconds
        coalesce(extra -> '$.stats[#-1]', extra -> '$.stats') as studio,
        coalesce(extra -> '$.sla_metrics[#-1]', extra -> '$.sla_metrics') as sla
    from completions
    left join streamed using (completion_key)
    where {where}
),
told as (
    select
        {names}
        unnest([
            {'step': 1, 'clock': 'logger', 'metric': 'first_chunk', 'unit': 's', 'value': first_chunk},
            {'step': 2, 'clock': 'logger', 'metric': 'first_content', 'unit': 's', 'value': first_content},
            {'step': 3, 'clock': 'logger', 'metric': 'whole', 'unit': 's', 'value': whole},
            {'step': 4, 'clock': 'logger', 'metric': 'streaming', 'unit': 's', 'value': streaming},
            {'step': 5, 'clock': 'logger', 'metric': 'longest_gap', 'unit': 's', 'value': longest_gap},
            {'step': 6, 'clock': 'logger', 'metric': 'stalls', 'unit': 'stalls', 'value': stalls},
            {'step': 7, 'clock': 'logger', 'metric': 'tokens_per_second', 'unit': 'tokens/s', 'value': tokens / nullif(whole, 0)},
            {'step': 8, 'clock': 'logger', 'metric': 'tokens_per_second_streaming', 'unit': 'tokens/s', 'value': (tokens - 1) / nullif(streaming, 0)},
            {'step': 11, 'clock': 'server', 'metric': 'queue', 'unit': 's', 'value': coalesce(try_cast(vllm ->> 'queue_time_ms' as double) / 1000, try_cast(groq ->> 'queue_time' as double))},
            {'step': 12, 'clock': 'server', 'metric': 'prompt', 'unit': 's', 'value': coalesce(try_cast(llama ->> 'prompt_ms' as double) / 1000, try_cast(groq ->> 'prompt_time' as double))},
            {'step': 13, 'clock': 'server', 'metric': 'first_token', 'unit': 's', 'value': coalesce(
                try_cast(vllm ->> 'time_to_first_token_ms' as double) / 1000, try_cast(studio ->> 'time_to_first_token' as double), try_cast(sla ->> 'ttft_ms' as double) / 1000
            )},
            {'step': 14, 'clock': 'server', 'metric': 'completion', 'unit': 's', 'value': coalesce(
                try_cast(vllm ->> 'generation_time_ms' as double) / 1000, try_cast(llama ->> 'predicted_ms' as double) / 1000,
                try_cast(groq ->> 'completion_time' as double), try_cast(studio ->> 'generation_time' as double)
            )},
            {'step': 15, 'clock': 'server', 'metric': 'whole', 'unit': 's', 'value': try_cast(groq ->> 'total_time' as double)},
            {'step': 16, 'clock': 'server', 'metric': 'between_tokens', 'unit': 's', 'value': coalesce(
                try_cast(vllm ->> 'mean_itl_ms' as double) / 1000, try_cast(llama ->> 'predicted_per_token_ms' as double) / 1000
            )},
            {'step': 17, 'clock': 'server', 'metric': 'tokens_per_second', 'unit': 'tokens/s', 'value': coalesce(
                try_cast(vllm ->> 'tokens_per_second' as double), try_cast(llama ->> 'predicted_per_second' as double),
                try_cast(studio ->> 'tokens_per_second' as double), tokens / nullif(try_cast(groq ->> 'completion_time' as double), 0)
            )}
        ], recursive := true)
    from read
)
select
    {names}
    clock,
    step,
    metric,
    unit,
    count(*) as responses,
    avg(value) as mean,
    min(value) as least,
    quantile_cont(value, 0.5) as p50,
    quantile_cont(value, 0.9) as p90,
    quantile_cont(value, 0.99) as p99,
    max(value) as most
from told
where value >= 0
  and isfinite(value)
group by all
order by {sort}
{limit}
