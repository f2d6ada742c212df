-- Which logs have more or fewer rejects than the ledger says? (Two logs may have had the same name.)
with said as (
    select source, sum(rejects)::bigint as said_rejects
    from sources
    group by source
),

kept as (
    select source, count(*) as reject_rows
    from rejects
    group by source
)
select 'sources says ' || coalesce(said_rejects, 0) || ' rejects for ' || coalesce(said.source, kept.source, 'null')
    || ', but rejects has ' || coalesce(reject_rows, 0) || ' rows.' as problem
from said
full join kept on said.source is not distinct from kept.source
where coalesce(said_rejects, 0) <> coalesce(reject_rows, 0)
order by problem
limit 20
