-- What did it cost, by model or any other key?
-- Sums are over the responses that have a price: a group where none has one has null, not 0.
with {priced}
select
    {by}
    count(*) as responses,
    count(*) filter (where not is_priced and price_status <> 'failed') as unpriced,
    count(*) filter (where is_priced and price_status <> 'exact') as approximate,
    count(*) filter (where is_priced) / nullif(count(*) filter (where price_status <> 'failed'), 0) as priced_share,
    round(sum(prompt_microusd) / 1e6, 12) as prompt_usd,
    round(sum(completion_microusd) / 1e6, 12) as completion_usd,
    round(sum(cost_microusd) / 1e6, 12) as cost_usd,
    round(avg(cost_microusd) / 1e3, 12) as usd_per_1k
from priced
where {where}
group by {group}
order by {sort}
{limit}
