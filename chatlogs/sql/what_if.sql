-- What would it cost with another model, the tokens being the same?
-- Only responses whose price is known with both can be compared.
with {priced},
other as (
    select completion_key, is_priced as other_is_priced, cost_microusd as other_microusd
    from priced
    where what_if
),
summed as (
    select
        {by}
        count(*) as responses,
        count(*) filter (where is_priced and other_is_priced) as compared,
        round(sum(cost_microusd) filter (where is_priced and other_is_priced) / 1e6, 12) as cost_usd,
        round(sum(other_microusd) filter (where is_priced and other_is_priced) / 1e6, 12) as what_if_usd
    from priced
    left join other using (completion_key)
    where not coalesce(what_if, false)
      and {where}
    group by all
)
select
    {names}
    responses,
    compared,
    cost_usd,
    what_if_usd,
    round(what_if_usd - cost_usd, 12) as difference_usd,
    what_if_usd / nullif(cost_usd, 0) as ratio
from summed
order by {sort}
{limit}
