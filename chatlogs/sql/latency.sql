-- How long do answers take to begin, to arrive and to end, by the logger's clock and by the server's own?
-- Nothing is derived from `created`: it has whole seconds and is the same in every chunk. A stall is a gap of more
-- than two seconds between two chunks. Each column is a metric, in seconds, under the name of the clock that told it.
with paced as (
    select
        completion_key,
        content_length,
        reasoning_length,
        arguments_length,
        arrived_at,
        epoch(arrived_at - lag(arrived_at) over (partition by completion_key order by chunk_index)) as gap
    from chunks
    where arrived_at is not null
),
streamed as (
    select
        completion_key,
        min(arrived_at) filter (where content_length > 0) as first_content_at,
        min(arrived_at) filter (where reasoning_length > 0) as first_reasoning_at,
        min(arrived_at) filter (where arguments_length is not null) as first_tool_call_at,
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
        epoch(first_reasoning_at - started_at) as first_reasoning,
        epoch(first_tool_call_at - started_at) as first_tool_call,
        epoch(coalesce(ended_at, last_chunk_at) - started_at) as whole,
        epoch(last_chunk_at - first_chunk_at) as streaming,
        longest_gap,
        stalls,
        completion_tokens::double as tokens,
        -- vLLM, in milliseconds; a stream has the list of what its chunks said, the last is the whole
        coalesce(extra -> '$.metrics[#-1]', extra -> '$.metrics') as vllm,
        -- llama.cpp, in milliseconds
        coalesce(extra -> '$.timings[#-1]', extra -> '$.timings') as llama,
        -- Groq in usage, Cerebras beside it, in seconds
        if(usage like '%_time"%', try_cast(usage as json), coalesce(extra -> '$.time_info[#-1]', extra -> '$.time_info')) as groq,
        -- LM Studio, in seconds
        coalesce(extra -> '$.stats[#-1]', extra -> '$.stats') as studio,
        -- routers that tell, in milliseconds
        coalesce(extra -> '$.sla_metrics[#-1]', extra -> '$.sla_metrics') as sla
    from completions
    left join streamed using (completion_key)
    where {where}
),
measured as (
    select
        {names}
        first_chunk as logger_first_chunk,
        first_reasoning as logger_first_reasoning,
        first_content as logger_first_content,
        first_tool_call as logger_first_tool_call,
        whole as logger_whole,
        streaming as logger_streaming,
        longest_gap as logger_longest_gap,
        stalls as logger_stalls,
        tokens / nullif(whole, 0) as logger_tokens_per_second,
        (tokens - 1) / nullif(streaming, 0) as logger_tokens_per_second_streaming,
        coalesce(
            try_cast(vllm ->> 'queue_time_ms' as double) / 1000,
            try_cast(groq ->> 'queue_time' as double)
        ) as server_queue,
        coalesce(
            try_cast(llama ->> 'prompt_ms' as double) / 1000,
            try_cast(groq ->> 'prompt_time' as double)
        ) as server_prompt,
        coalesce(
            try_cast(vllm ->> 'time_to_first_token_ms' as double) / 1000,
            try_cast(studio ->> 'time_to_first_token' as double),
            try_cast(sla ->> 'ttft_ms' as double) / 1000
        ) as server_first_token,
        coalesce(
            try_cast(vllm ->> 'generation_time_ms' as double) / 1000,
            try_cast(llama ->> 'predicted_ms' as double) / 1000,
            try_cast(groq ->> 'completion_time' as double),
            try_cast(studio ->> 'generation_time' as double)
        ) as server_completion,
        try_cast(groq ->> 'total_time' as double) as server_whole,
        coalesce(
            try_cast(vllm ->> 'mean_itl_ms' as double) / 1000,
            try_cast(llama ->> 'predicted_per_token_ms' as double) / 1000
        ) as server_between_tokens,
        coalesce(
            try_cast(vllm ->> 'tokens_per_second' as double),
            try_cast(llama ->> 'predicted_per_second' as double),
            try_cast(studio ->> 'tokens_per_second' as double),
            tokens / nullif(try_cast(groq ->> 'completion_time' as double), 0)
        ) as server_tokens_per_second
    from read
),
sound as (
    select
        {names}
        if(
            columns('^(logger|server)_') >= 0 and columns('^(logger|server)_') < 'infinity'::double,
            columns('^(logger|server)_'),
            null
        ) as "\0"
    from measured
),
summed as (
    select
        {names}
        struct_pack(
            responses := count(columns('^(logger|server)_')),
            mean := avg(columns('^(logger|server)_')),
            least := min(columns('^(logger|server)_'))::double,
            percentiles := quantile_cont(columns('^(logger|server)_')::double, [0.5, 0.9, 0.99]),
            most := max(columns('^(logger|server)_'))::double
        ) as "\0"
    from sound
    group by all
)
select
    {names}
    substr(name, 1, 6) as clock,
    list_position([
        'logger_first_chunk', 'logger_first_reasoning', 'logger_first_content', 'logger_first_tool_call',
        'logger_whole', 'logger_streaming', 'logger_longest_gap', 'logger_stalls', 'logger_tokens_per_second',
        'logger_tokens_per_second_streaming', 'server_queue', 'server_prompt', 'server_first_token',
        'server_completion', 'server_whole', 'server_between_tokens', 'server_tokens_per_second'
    ], name) as step,
    substr(name, 8) as metric,
    case when metric = 'stalls' then 'stalls' when metric like 'tokens%' then 'tokens/s' else 's' end as unit,
    result.responses as responses,
    result.mean as mean,
    result.least as least,
    result.percentiles[1] as p50,
    result.percentiles[2] as p90,
    result.percentiles[3] as p99,
    result.most as most
from (unpivot summed on columns('^(logger|server)_') into name name value result)
where result.responses > 0
order by {sort}
{limit}
