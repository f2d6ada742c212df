-- Which row does each whole response get? Everything that can be derived is derived here, for every path alike.
with parts as (
    select piece, count(*) as choices, count(finish_reason) as finished
    from piece_choices
    group by piece
),
read as (
    select
        *,
        from_json(usage, '{usage_structure}') as u
    from piece_completions
)
select
    r.id,
    r.model,
    r.system_fingerprint,
    k.completion_key,
    r.form,
    case
        when r.error_code is not null or r.error_type is not null or r.error_message is not null then 'error'
        when coalesce(p.finished, 0) < coalesce(p.choices, 1) then 'truncated'
        else 'complete'
    end as status,
    r.created,
    r.service_tier,
    coalesce(p.choices, 0) as choice_count,
    r.chunk_count,
    whole_number(u.prompt_tokens) as prompt_tokens,
    whole_number(u.completion_tokens) as completion_tokens,
    whole_number(u.total_tokens) as total_tokens,
    whole_number(coalesce(u.prompt_tokens_details.cached_tokens, u.prompt_cache_hit_tokens, u.cached_tokens, u.num_cached_tokens)) as cached_tokens,
    whole_number(coalesce(u.prompt_tokens_details.cache_write_tokens, u.cache_creation_input_tokens)) as cache_write_tokens,
    whole_number(coalesce(u.completion_tokens_details.reasoning_tokens, u.reasoning_tokens)) as reasoning_tokens,
    whole_number(u.prompt_tokens_details.audio_tokens) as prompt_audio_tokens,
    whole_number(u.completion_tokens_details.audio_tokens) as completion_audio_tokens,
    whole_number(u.completion_tokens_details.accepted_prediction_tokens) as accepted_prediction_tokens,
    whole_number(u.completion_tokens_details.rejected_prediction_tokens) as rejected_prediction_tokens,
    if(r.usage is null, 'none', 'reported') as usage_source,
    r.usage,
    r.provider,
    r.error_code,
    r.error_type,
    r.error_message,
    r.request_id,
    r.custom_id,
    r.request_model,
    r.requested_service_tier,
    r.stream,
    r.temperature,
    r.top_p,
    r.seed,
    r.max_tokens,
    r.n,
    r.metadata,
    r.request,
    r.started_at,
    r.first_chunk_at,
    r.last_chunk_at,
    r.ended_at,
    r.status_code,
    case
        when r.id is null then list_sort(list_distinct(list_append(coalesce(r.flags, []), 'no_id')))
        else coalesce(r.flags, [])
    end as flags,
    0::bigint as duplicates,
    r.extra,
    r.line_number,
    r.byte_offset
from read as r
join piece_keys as k using (piece)
left join parts as p using (piece)
