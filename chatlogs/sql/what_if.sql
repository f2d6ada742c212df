-- What would it cost with another model, the tokens being the same?
-- Every response stands here twice, with its own price and with the other one; both must be known to compare.
with {priced},
both_priced as (
    select *, bool_and(is_priced) over (partition by completion_key) as is_compared
    from priced
),
summed as (
    select
        {by}
        count(*) filter (where not what_if) as responses,
        count(*) filter (where not what_if and is_compared) as compared,
        round(sum(cost_microusd) filter (where not what_if and is_compared) / 1e6, 12) as cost_usd,
        round(sum(cost_microusd) filter (where what_if and is_compared) / 1e6, 12) as what_if_usd
    from both_priced
    where {where}
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
