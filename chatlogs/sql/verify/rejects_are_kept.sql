-- Which logs have more or fewer rejects than the ledger says?
with said as (
    select source_key, source, rejects as said_rejects
    from sources
),

kept as (
    select source_key, min(source) as source, count(*) as reject_rows
    from rejects
    group by source_key
)
select 'sources says ' || coalesce(said_rejects, 0) || ' rejects for ' || coalesce(said.source, kept.source, 'null')
    || ', but rejects has ' || coalesce(reject_rows, 0) || ' rows.' as problem
from said
full join kept on said.source_key is not distinct from kept.source_key
where coalesce(said_rejects, 0) <> coalesce(reject_rows, 0)
order by problem
limit 20
