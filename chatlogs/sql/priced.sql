-- What did each response cost?
rates ({columns}) as (
    -- US dollars for a million tokens, or a thousand requests; null: not known. All tokens of a request cost the
    -- rates that are for its length of prompt.
    values
        {rates}
),
counted as (
    select
        *,
        coalesce({time}, timestamptz '0001-01-01 00:00:00+00') as priced_at,
        coalesce(cached_tokens, 0) as cached,
        coalesce(cache_write_tokens, 0) as cache_write,
        coalesce(prompt_audio_tokens, 0) as prompt_audio,
        coalesce(completion_audio_tokens, 0) as completion_audio,
        coalesce(reasoning_tokens, 0) as reasoning
    from completions
),
rated as (
    select
        counted.*,
        rates.* exclude (model, provider, tier, batch),
        prompt_tokens - cached - cache_write - prompt_audio as prompt_text,
        completion_tokens - completion_audio - if(reasoning_beside, 0, reasoning) as completion_text,
        case
            when prompt_tokens is null or completion_tokens is null
                then if(status = 'error' and usage_source is distinct from 'reported', 'failed', 'no_usage')
            when coalesce(rate_status, 'unknown_model') not in ('exact', 'tier_fallback', 'without_extras')
                then coalesce(rate_status, 'unknown_model')
            when (prompt_audio > 0 and prompt_audio_rate is null)
                or (completion_audio > 0 and completion_audio_rate is null)
                then 'no_audio_rate'
            when least(prompt_text, cached, cache_write, prompt_audio) < 0
                or least(completion_tokens - completion_audio, completion_audio, reasoning) < 0
                or (completion_text < 0 and reasoning_rate <> completion_rate)
                or (prompt_audio > 0 and cached > 0)  -- How much of the audio was cached?
                then 'unclear_usage'
            else rate_status
        end as price_status
    from counted
    left join rates
        on rates.model is not distinct from coalesce(counted.model, counted.request_model)
        and rates.provider is not distinct from counted.provider
        and rates.tier is not distinct from counted.service_tier
        and rates.batch = (counted.custom_id is not null)
        and priced_at >= valid_from
        and priced_at < valid_until
        and epoch_us(priced_at) // 1000000 % 86400 >= second_from
        and epoch_us(priced_at) // 1000000 % 86400 < second_until
        and greatest(prompt_tokens, 0) > prompt_over
        and greatest(prompt_tokens, 0) <= prompt_up_to
),
priced as not materialized (
    select
        *,
        price_status in ('exact', 'tier_fallback', 'without_extras') as is_priced,
        case when is_priced then
            prompt_rate * prompt_text
            + cached_rate * cached
            + cache_write_rate * cache_write
            + coalesce(prompt_audio_rate, 0) * prompt_audio
            + request_rate * 1000
        end as prompt_microusd,
        case when is_priced then
            completion_rate * completion_text
            + reasoning_rate * reasoning
            + coalesce(completion_audio_rate, 0) * completion_audio
        end as completion_microusd,
        prompt_microusd + completion_microusd as cost_microusd,
        cast(cost_microusd / 1e6 as double) as cost_usd
    from rated
)
