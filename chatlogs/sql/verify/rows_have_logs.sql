-- Which tables hold rows of a log that is not in the ledger?
with read as (
    select 'completions' as kind, source, source_key from completions
    union all
    select 'rejects', source, source_key from rejects
)
select kind || ' has ' || count(*) || ' rows of ' || coalesce(min(source), 'null') || ', but sources has no source_key '
    || coalesce(source_key::varchar, 'null') || '.' as problem
from read
anti join sources using (source_key)
group by kind, source_key
order by problem
limit 20
