-- Do the logs and the provider's bill agree, by day and model?
-- Asked of the days that the bill is for; calls that failed and cost nothing are on no bill.
-- What only one side knows stands alone, the other side null.
with {priced},
listed (created, model, usd, requests, tokens) as (
    values
        {bill}
),
bill as (
    -- A bill tells one time.
    select *, null::timestamptz as started_at, null::timestamptz as first_chunk_at, null::timestamptz as ended_at
    from listed
),
logged as (
    select
        {by}
        count(*) as responses,
        sum(total_tokens) as total_tokens,
        count(*) filter (where usage_source = 'reported' and total_tokens is null) as no_total_tokens,
        count(*) filter (where is_priced) / nullif(count(*) filter (where price_status <> 'failed'), 0) as priced_share,
        round(sum(cost_microusd) / 1e6, 12) as cost_usd
    from priced
    where price_status is distinct from 'failed'
      and {time} >= (select min(created) from bill)
      and {time} < (select max(created) + interval 1 day from bill)
      and {where}
    group by all
    having count(*) > 0
),
billed as (
    select
        {by}
        count(*) as lines,
        sum(requests) as bill_requests,
        sum(tokens) as bill_tokens,
        cast(sum(usd) as double) as bill_usd
    from bill
    where {period}
    group by all
    having count(*) > 0
)
select
    {names}
    case when sum(lines) is null then 'logs' when sum(responses) is null then 'bill' else 'both' end as found_in,
    cast(sum(responses) as bigint) as responses,
    cast(sum(bill_requests) as bigint) as bill_requests,
    cast(sum(total_tokens) as bigint) as total_tokens,
    cast(sum(no_total_tokens) as bigint) as no_total_tokens,
    cast(sum(bill_tokens) as bigint) as bill_tokens,
    max(priced_share) as priced_share,
    sum(cost_usd) as cost_usd,
    sum(bill_usd) as bill_usd,
    case when sum(bill_usd) is not null or sum(lines) is null
        then round(coalesce(sum(bill_usd), 0) - coalesce(sum(cost_usd), 0), 12)
    end as difference_usd
from (from logged union all by name from billed)
group by all
order by {sort}
{limit}
