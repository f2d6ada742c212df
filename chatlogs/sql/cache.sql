-- How much of the prompts came from the cache, and is that spread over many responses or few?
-- All but responses and with_cached are over the responses that report cached tokens.
with hits as (
    select
        {by}
        prompt_tokens,
        cached_tokens,
        cache_write_tokens,
        cached_tokens / nullif(prompt_tokens, 0) as hit,
        (row_number() over (partition by {keys} cached_tokens is null order by cached_tokens desc) - 1)
            / count(cached_tokens) over (partition by {keys} cached_tokens is null) as place
    from completions
    where {where}
)
select
    {names}
    count(*) as responses,
    count(cached_tokens) as with_cached,
    sum(prompt_tokens) filter (where cached_tokens is not null) as prompt_tokens,
    sum(cached_tokens) as cached_tokens,
    sum(cache_write_tokens) as cache_write_tokens,
    sum(cached_tokens) filter (where prompt_tokens is not null)
        / nullif(sum(prompt_tokens) filter (where cached_tokens is not null), 0) as cached_share,
    count(*) filter (where cached_tokens > 0) / nullif(count(cached_tokens), 0) as hit_share,
    count(*) filter (where hit > 0 and hit < 0.5) / nullif(count(cached_tokens), 0) as under_half_share,
    count(*) filter (where hit >= 0.5 and hit < 0.9) / nullif(count(cached_tokens), 0) as over_half_share,
    count(*) filter (where hit >= 0.9) / nullif(count(cached_tokens), 0) as nearly_all_share,
    quantile_cont(hit, 0.5) filter (where cached_tokens > 0) as median_hit,
    sum(cached_tokens) filter (where place < 0.1) / nullif(sum(cached_tokens), 0) as top_tenth_share
from hits
group by all
order by {sort}
{limit}
