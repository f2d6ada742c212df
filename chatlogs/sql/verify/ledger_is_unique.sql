-- Which logs stand in the ledger more than once?
select 'sources has ' || count(*) || ' rows with source_key ' || source_key || '; each log has one.' as problem
from sources
group by source_key
having count(*) > 1
order by problem
limit 20
