-- What is derived for each whole response? What a piece says itself needs no query.
-- One row a piece, in the order of the pieces; choices and finished are counted already.
with read as (
    select *, from_json(usage, '{usage_structure}') as u
    from piece_completions
)
select
    case
        when error_code is not null or error_type is not null or error_message is not null then 'error'
        when finished < greatest(choices, 1) then 'truncated'
        else 'complete'
    end as status,
    choices as choice_count,
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
    if(usage is null, 'none', 'reported') as usage_source,
    case
        when id is null then list_sort(list_distinct(list_append(coalesce(flags, []), 'no_id')))
        else coalesce(flags, [])
    end as flags
from read
