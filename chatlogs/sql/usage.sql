-- How many tokens were used, by model or any other key?
-- Sums are over the responses that report the number: a group where none does has null, not 0. Shares are over those
-- that report both numbers.
select
    {by}
    count(*) as responses,
    count(*) filter (where usage_source = 'reported') as with_usage,
    count(*) filter (where usage_source is distinct from 'reported') as no_usage,
    count(*) filter (
        where usage_source = 'reported' and (prompt_tokens is null or completion_tokens is null or total_tokens is null)
    ) as part_usage,
    sum(prompt_tokens) as prompt_tokens,
    sum(cached_tokens) as cached_tokens,
    sum(completion_tokens) as completion_tokens,
    sum(reasoning_tokens) as reasoning_tokens,
    sum(total_tokens) as total_tokens,
    sum(cached_tokens) filter (where prompt_tokens is not null)
        / nullif(sum(prompt_tokens) filter (where cached_tokens is not null), 0) as cached_share,
    sum(reasoning_tokens) filter (where completion_tokens is not null)
        / nullif(sum(completion_tokens) filter (where reasoning_tokens is not null), 0) as reasoning_share
from completions
where {where}
group by {group}
order by {sort}
{limit}
