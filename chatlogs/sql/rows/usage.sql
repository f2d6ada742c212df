-- What does each usage object report? One row an object, in their order.
with read as (
    select from_json(usage, '{structure}') as u
    from usages
)
select
    whole_number(u.prompt_tokens) as prompt_tokens,
    whole_number(u.completion_tokens) as completion_tokens,
    whole_number(u.total_tokens) as total_tokens,
    whole_number(coalesce(u.prompt_tokens_details.cached_tokens, u.prompt_cache_hit_tokens, u.cached_tokens, u.num_cached_tokens, u.cache_read_input_tokens)) as cached_tokens,
    whole_number(coalesce(u.prompt_tokens_details.cache_write_tokens, u.cache_creation_input_tokens)) as cache_write_tokens,
    whole_number(coalesce(u.completion_tokens_details.reasoning_tokens, u.reasoning_tokens)) as reasoning_tokens,
    whole_number(u.prompt_tokens_details.audio_tokens) as prompt_audio_tokens,
    whole_number(u.completion_tokens_details.audio_tokens) as completion_audio_tokens,
    whole_number(u.completion_tokens_details.accepted_prediction_tokens) as accepted_prediction_tokens,
    whole_number(u.completion_tokens_details.rejected_prediction_tokens) as rejected_prediction_tokens
from read
