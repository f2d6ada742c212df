-- Of which logs are there other responses than those that were found and not left out?
with told as (
    select source_key, source, responses - duplicates as told_responses
    from sources
),

counted as (
    select source_key, count(*) as completion_rows
    from completions
    group by source_key
)
select 'sources says ' || told_responses || ' responses of ' || source || ' less duplicates, but completions has '
    || coalesce(completion_rows, 0) || ' rows of it.' as problem
from told
left join counted using (source_key)
where told_responses <> coalesce(completion_rows, 0)
order by problem
limit 20
